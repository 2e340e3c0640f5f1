"""What to do next in a turn: call a tool, or say something. The whole state is the transcript, so it is worked out anew
at every step and ends when nothing is left to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from holdfast.llm.demo import facts, memory, recall, toolcalls, transcript, writing
from holdfast.llm.demo import understand as words
from holdfast.llm.demo.facts import Fact
from holdfast.llm.demo.language import Language, detect
from holdfast.llm.demo.memory import Note
from holdfast.llm.demo.terms import words as content_words
from holdfast.llm.demo.transcript import PastCall
from holdfast.llm.demo.writing import Edit
from holdfast.llm.model import Call, ToolSchema

_LONGEST_OUTPUT = 1500
_LONGEST_READ = 4000
_EARLIER_READ = 30
_SEARCHES = ("conversation_search", "archival_memory_search")


@dataclass(frozen=True)
class UseTool:
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Say:
    text: str


class _Turn:
    """One turn of the user, as far as it has come."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.transcript = transcript.read(call.messages)
        self.said = self.transcript.said
        self.tongue: Language = detect(self.said, *self.transcript.earlier[:5])
        self.tools: dict[str, ToolSchema] = {tool.name: tool for tool in call.tools}
        self.memory = memory.load(self.transcript)
        self.goals = words.goals(self.said[:_LONGEST_READ], self.tongue)
        self.done = self.transcript.turn
        self.named = toolcalls.named(self.said, call.tools, self.tongue)

    def next(self) -> UseTool | Say:
        """The next action; the same call is never made twice in a turn."""
        if self.call.tool_choice in self.tools:
            return self._forced(self.tools[self.call.tool_choice])
        action = self._wanted()
        if isinstance(action, Say) and self.call.tool_choice == "required":
            return self._spoken(action)
        return action

    def _wanted(self) -> UseTool | Say:
        if self.call.tool_choice == "none":
            return Say(self._answer())
        for attempt in (self._named_tool, self._edit, self._search):
            action = attempt()
            if action and not self._made(action):
                return action
        return Say(self._answer())

    def _made(self, action: UseTool) -> bool:
        return any(
            done.name == action.name and {**action.arguments, **done.arguments} == done.arguments for done in self.done
        )

    def _forced(self, tool: ToolSchema) -> UseTool | Say:
        wanted = self._wanted()
        if isinstance(wanted, UseTool) and wanted.name == tool.name:
            return wanted
        if tool.name == "send_message":
            return self._sending(tool, wanted.text if isinstance(wanted, Say) else self._answer())
        action = self._filled(tool)
        return Say(self._answer()) if self._made(action) else action

    def _spoken(self, say: Say) -> UseTool | Say:
        """The words, where plain text is not allowed: through `send_message`, else by whatever tool is left."""
        if "send_message" in self.tools:
            return self._sending(self.tools["send_message"], say.text)
        order = sorted(self.call.tools, key=lambda tool: tool.name != "memory_finish_edits")
        choices = (self._filled(tool) for tool in order)
        return next((action for action in choices if not self._made(action)), say)

    def _sending(self, tool: ToolSchema, text: str) -> UseTool | Say:
        action = UseTool(tool.name, self._own(tool, {"message": text}))
        return Say(text) if self._made(action) else action

    def _filled(self, tool: ToolSchema) -> UseTool:
        home = self.memory.home
        hints = {"label": home.label} if home and "label" in tool.parameters.get("properties", {}) else {}
        return UseTool(tool.name, self._own(tool, toolcalls.arguments(tool, self.said, self.tongue, hints)))

    def _own(self, tool: ToolSchema, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with those that the heartbeat dialect adds to every tool."""
        properties: dict[str, Any] = tool.parameters.get("properties") or {}
        if "request_heartbeat" in properties:
            arguments = {**arguments, "request_heartbeat": tool.name != "send_message"}
        if "thinking" in properties:
            arguments = {"thinking": self.tongue.say["thinking"], **arguments}
        return arguments

    def _use(self, name: str, arguments: dict[str, Any]) -> UseTool:
        return UseTool(name, self._own(self.tools[name], arguments))

    def _named_tool(self) -> UseTool | None:
        if self.named is None or any(done.name == self.named.name for done in self.done):
            return None
        if self.named.name in writing.WRITERS and (edit := self._edit()):
            return edit
        return self._filled(self.named)

    def _edit(self) -> UseTool | None:
        if self.named and self.named.name not in writing.WRITERS:
            return None
        if any(done.failed and done.name in writing.WRITERS for done in self.done):
            return None
        for edit in self._edits():
            value = next(block.value for block in self.memory.blocks if block.label == edit.label)
            made = writing.call_for(edit, value, self.tools)
            if made and not self._made(action := self._use(*made)):
                return action
        return self._archive()

    def _archive(self) -> UseTool | None:
        """Facts go to the archive when the agent has no memory tool for its blocks, or no block."""
        if "archival_memory_insert" not in self.tools or (self.memory.home and self._writable):
            return None
        for fact in self._facts():
            action = self._use("archival_memory_insert", {"content": fact.line})
            if not self._made(action):
                return action
        return None

    @property
    def _writable(self) -> bool:
        return bool({*writing.INSERT, "memory_rethink"} & self.tools.keys()) or "memory_replace" in self.tools

    def _facts(self) -> list[Fact]:
        found: list[Fact] = []
        for goal in self.goals:
            if isinstance(goal, words.Learn):
                found.append(goal.fact)
            elif isinstance(goal, words.Correct) and self._corrected(goal) is None:
                found += goal.otherwise
        present = {fact.key for fact in found if not fact.gone}
        return [fact for fact in dict.fromkeys(found) if not fact.gone or fact.key not in present]

    def _edits(self) -> list[Edit]:
        """The edits of memory that the message calls for and that are not made yet."""
        edits = [edit for goal in self.goals if (edit := self._removal(goal) or self._correction(goal))]
        fresh: list[str] = []
        for fact in self._facts():
            rival = self.memory.rival(fact)
            if rival and not self._just_written(rival.fact.line):
                edits.append(Edit(rival.block.label, rival.fact.line, fact.line))
            elif not self.memory.holds(fact) and fact.line not in fresh:
                fresh.append(fact.line)
        home = self.memory.home
        return [*edits, Edit(home.label, "", "\n".join(fresh))] if fresh and home else edits

    def _just_written(self, line: str) -> bool:
        return any(line in edit.added for edit in self._made_edits())

    def _removal(self, goal: words.Goal) -> Edit | None:
        if not isinstance(goal, words.Forget):
            return None
        if goal.everything:
            home = self.memory.home
            return Edit(home.label, home.value, "") if home and home.value.strip() else None
        about = recall.matching(goal.about, [note.fact for note in self._own_notes()])
        gone = [note for note in self._own_notes() if note.fact in about and not self._just_written(note.fact.line)]
        return Edit(gone[0].block.label, gone[0].fact.line, "") if gone and not self._removed_enough(goal) else None

    def _removed_enough(self, goal: words.Forget) -> bool:
        """Whether the best notes are gone already, so that the next best are not taken for them."""
        removed = [facts.read(line) for edit in self._made_edits() for line in edit.removed if not edit.added]
        left = [note.fact for note in self._own_notes()]
        best = recall.matching(goal.about, [*removed, *left])
        return bool(removed) and not any(fact in best for fact in left)

    def _own_notes(self) -> list[Note]:
        return [note for note in self.memory.notes if not note.block.read_only]

    def _correction(self, goal: words.Goal) -> Edit | None:
        return self._corrected(goal) if isinstance(goal, words.Correct) else None

    def _corrected(self, goal: words.Correct) -> Edit | None:
        """The note that says the old thing, or the last one written, with the new thing in its place."""
        if any(goal.new in line for edit in self._made_edits() for line in edit.added):
            return None
        old = goal.old
        notes = [note for note in self._own_notes() if old and old.casefold() in note.fact.line.casefold()]
        if not notes and not goal.otherwise and (latest := self._latest_line()):
            notes = [note for note in self._own_notes() if note.fact.line == latest]
            old = notes[0].fact.value if notes else ""
        if not notes or not old:
            return None
        line = notes[0].fact.line
        start = line.casefold().find(old.casefold())
        return Edit(notes[0].block.label, line, line[:start] + goal.new + line[start + len(old) :])

    def _latest_line(self) -> str | None:
        edits = [edit for done in self.transcript.before if (edit := writing.edit_of(done.name, done.arguments))]
        return edits[-1].added[-1] if edits and edits[-1].added else None

    def _made_edits(self) -> list[Edit]:
        edits = (writing.edit_of(done.name, done.arguments) for done in self.done if not done.failed)
        return [edit for edit in edits if edit]

    def _search(self) -> UseTool | None:
        if self.named:
            return None
        for goal in self.goals:
            if isinstance(goal, words.Ask) and not self._known(goal) and not goal.everything:
                query = content_words(goal.text) or goal.text
                unused = [n for n in _SEARCHES if n in self.tools and not any(done.name == n for done in self.done)]
                if unused and not self._searched(goal):
                    return self._use(unused[0], {"query": query})
        return None

    def _known(self, goal: words.Ask) -> list[Fact]:
        notes = [note.fact for note in self.memory.notes]
        found = self._fitting(goal, notes) or self._fitting(goal, self._told)
        return list(dict.fromkeys(found))

    def _fitting(self, goal: words.Ask, known: list[Fact]) -> list[Fact]:
        return recall.matching(goal.about, known) or recall.loosely(goal.about, known)

    @cached_property
    def _told(self) -> list[Fact]:
        """What the user said earlier within sight."""
        return recall.told(self.transcript.earlier[:_EARLIER_READ])

    def _searched(self, goal: words.Ask) -> list[str]:
        """Answers from what the searches of this turn returned."""
        texts = [
            text for done in self.done if done.name in _SEARCHES and done.output for text in recall.results(done.output)
        ]
        found = recall.matching(goal.about, recall.told(texts))
        if found:
            return [facts.answer(fact, self.tongue) for fact in dict.fromkeys(found)]
        quotes = recall.quotable(goal.about, texts, self.said)
        return [self.tongue.say["searched"].format(what="; ".join(f"“{q[:300]}”" for q in quotes))] if quotes else []

    def _answer(self) -> str:
        say = self.tongue.say
        if not self.said.strip():
            return f"{say['empty']} {say['demo']}"
        if self.named and (report := self._report(self.named.name)):
            return report
        missing = toolcalls.missing(self.said, self.tongue)
        if missing and missing not in self.tools and not self.done:
            return say["no_such_tool"].format(tool=missing, tools=", ".join(self.tools) or "–")
        parts = self._memory_report() + [self._reply(goal) for goal in self.goals]
        if not any(parts) and self.done:
            parts = [self._report(self.done[-1].name)]
        return " ".join(part for part in dict.fromkeys(parts) if part) or say["demo"]

    def _report(self, name: str) -> str:
        done = [call for call in self.done if call.name == name and call.output is not None]
        if not done or (name in writing.WRITERS and self._memory_report()):
            return " ".join(self._memory_report())
        output = (done[-1].output or "").strip()[:_LONGEST_OUTPUT]
        form = self.tongue.say["tool_failed" if done[-1].failed else "returned"]
        return form.format(tool=name, output=output or self.tongue.say["empty_output"])

    def _memory_report(self) -> list[str]:
        """What was done to memory in this turn, or why it was not."""
        say = self.tongue.say
        failed = [
            done for done in self.done if done.failed and done.name in {*writing.WRITERS, "archival_memory_insert"}
        ]
        if failed:
            return [say["failed"].format(error=failed[-1].output or say["empty_output"])]
        sorts: dict[str, list[str]] = {"stored": [], "updated": [], "removed": []}
        for edit in self._made_edits():
            sort = "stored" if not edit.removed else "updated" if edit.added else "removed"
            sorts[sort] += edit.added or edit.removed
        sorts["stored"] += _archived(self.done)
        return [say[sort].format(what="; ".join(lines)) for sort, lines in sorts.items() if lines]

    def _reply(self, goal: words.Goal) -> str:
        replies: dict[type, Callable[[Any], str]] = {
            words.Learn: self._reply_learn,
            words.Correct: self._reply_correct,
            words.Forget: self._reply_forget,
            words.Ask: self._reply_ask,
            words.Smalltalk: self._reply_chat,
        }
        return replies[type(goal)](goal)

    def _reply_learn(self, goal: words.Learn) -> str:
        return self._unlearned(goal.fact)

    def _unlearned(self, fact: Fact) -> str:
        if self._memory_report():
            return ""
        say = self.tongue.say
        if self.memory.holds(fact):
            return say["known"].format(what=fact.line)
        return say["no_block"] if self._writable and not self.memory.home else say["no_memory_tool"]

    def _reply_correct(self, goal: words.Correct) -> str:
        if self._memory_report():
            return ""
        return self._unlearned(goal.otherwise[0]) if goal.otherwise else self.tongue.say["nothing_to_correct"]

    def _reply_forget(self, goal: words.Forget) -> str:
        if any(edit.removed for edit in self._made_edits()) or any(done.failed for done in self.done):
            return ""
        return self.tongue.say["no_forget_tool" if self._removal(goal) else "nothing_on_that"]

    def _reply_ask(self, goal: words.Ask) -> str:
        say = self.tongue.say
        if goal.everything:
            lines = [note.fact.line for note in self.memory.notes]
            lines = lines or [fact.line for fact in self._told]
            listed = "\n".join(f"- {line.lstrip('-*• ')}" for line in dict.fromkeys(lines))
            return say["everything"].format(what=listed) if lines else say["nothing_known"]
        answers = [facts.answer(fact, self.tongue) for fact in self._known(goal)] or self._searched(goal)
        if answers:
            return " ".join(answers)
        return say["unknown"] if goal.personal else f"{say['unknown']} {say['demo']}"

    def _reply_chat(self, goal: words.Smalltalk) -> str:
        say = self.tongue.say
        if goal.kind == "tools":
            return say["tools"].format(tools=", ".join(self.tools)) if self.tools else say["no_tools"]
        if goal.kind in {"thanks", "bye"}:
            return say[goal.kind]
        return say["demo"] if goal.kind == "demo" else f"{say[goal.kind]} {say['demo']}"


def _archived(done: Sequence[PastCall]) -> list[str]:
    return [str(call.arguments.get("content", "")) for call in done if call.name == "archival_memory_insert"]


def next_action(call: Call) -> UseTool | Say:
    """The next action of the turn that the call belongs to."""
    return _Turn(call).next()
