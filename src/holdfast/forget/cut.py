"""Taking messages out of threads that live on, with everything that could repeat them."""

from collections.abc import Iterable, Sequence

from holdfast.auth.model import Who
from holdfast.forget import rows
from holdfast.forget.model import Forgetting
from holdfast.forget.quotes import Quotes
from holdfast.kit.ids import new_id
from holdfast.messages import store as messages
from holdfast.messages import threads
from holdfast.messages.model import ApprovalPart, Message, TextPart, ToolReturnPart
from holdfast.messages.threads import Thread
from holdfast.runs import store as runs
from holdfast.store.search import MESSAGES
from holdfast.store.table import Tx

NOTE = (
    "A summary of what was said before stood here. It was removed, because it could have repeated something that was "
    "to be forgotten. What else was said is still in the history: conversation_search finds it."
)

EVERYTHING = -1
"""Before the sequence of any message."""


class Cuts:
    """What is taken out of the threads of some agents; all of them are locked, and none is at work."""

    def __init__(self, tx: Tx, who: Who, held: Sequence[Thread], job: Forgetting) -> None:
        self._tx = tx
        self._who = who
        self._threads = {thread.id: thread for thread in held}
        self._job = job
        self._gone = set[str]()
        """Messages that are removed."""
        self._since: dict[str, int] = {}
        """The threads that are changed, each with the first sequence that is."""
        self._runs = set[str]()
        """Runs that stay, and that knew what goes."""

    def messages(self, ids: Sequence[str]) -> None:
        """Remove single messages, and the calls and returns that belong to them."""
        found = list(messages.many(self._tx, self._who, ids).values())
        wanted = {each.id: each for message in found for each in self._with_counterparts(message)}
        for thread_id in {message.thread_id for message in wanted.values()}:
            self._remove([message for message in wanted.values() if message.thread_id == thread_id])
        for agent_id in sorted({message.agent_id for message in found}):
            texts = [message.text for message in wanted.values() if message.agent_id == agent_id]
            self.quotes([agent_id], Quotes(texts))

    def _with_counterparts(self, message: Message) -> list[Message]:
        calls = _call_ids(message)
        if not calls or message.run_id is None:
            return [message]
        of_run = messages.rows.all(self._tx, self._who, messages.of_run(message.run_id))
        return [message, *(each for each in of_run if calls & _call_ids(each))]

    def _remove(self, gone: Sequence[Message]) -> None:
        thread_id, agent_id, first = gone[0].thread_id, gone[0].agent_id, min(each.sequence for each in gone)
        ids = [message.id for message in gone]
        rows.drop_items(self._tx, self._who, MESSAGES, agent_id, ids)
        self._count("messages", rows.delete(self._tx, self._who, messages.rows, ids))
        self._gone.update(ids)
        self._runs.update(message.run_id for message in gone if message.run_id)
        self._job.scope.messages = sorted({*self._job.scope.messages, *ids})
        self._changed(thread_id, first)

    def conversation(self, thread_id: str) -> None:
        """Remove a conversation; its messages, runs and steps follow in the job."""
        thread = self._threads.pop(thread_id)
        self._quotes_of(thread)
        self._gone.update(rows.later_summaries(self._tx, self._who, thread_id, EVERYTHING))
        threads.rows.delete(self._tx, self._who, thread_id)
        self._job.scope.touched.append(thread.agent_id)
        self._changed(thread_id, EVERYTHING)

    def own_thread(self, thread_id: str) -> None:
        """Empty an agent's own thread, of which nothing but the prompt is left."""
        thread = self._threads[thread_id]
        self._quotes_of(thread)
        self._gone.update(rows.later_summaries(self._tx, self._who, thread_id, EVERYTHING))
        rows.drop_threads(self._tx, self._who, thread.agent_id, [thread_id])
        self._runs.update(rows.background_runs(self._tx, self._who, "threads", [thread_id]))
        for table, count in rows.empty_thread(self._tx, self._who, thread_id, thread.prompt_id):
            self._count(table, count)
        self._threads[thread_id] = threads.empty_window(self._tx, self._who, thread_id)
        self._changed(thread_id, EVERYTHING)

    def _quotes_of(self, thread: Thread) -> None:
        """Whatever searches in other threads of the agent found in this one."""
        others = [message for message in self._with_tools([thread.agent_id]) if message.thread_id != thread.id]
        if others:
            self._redact(others, Quotes(self._texts(thread)))

    def _texts(self, thread: Thread) -> Iterable[str]:
        after = EVERYTHING
        while some := rows.texts_of_thread(self._tx, self._who, thread.id, after):
            yield from (message.text for message in some)
            after = some[-1].sequence

    def quotes(self, agent_ids: Sequence[str], quotes: Quotes) -> None:
        """Take quoted texts out of the calls and returns of tools."""
        self._redact(self._with_tools(agent_ids), quotes)

    def calls_answered_with(self, agent_ids: Sequence[str], id: str) -> set[str]:
        """The calls whose return names something: such as wanted to store what was there already."""
        returns = (part for message in self._with_tools(agent_ids) for part in message.returns)
        return {part.call_id for part in returns if id in part.output}

    def _with_tools(self, agent_ids: Sequence[str]) -> Iterable[Message]:
        after = EVERYTHING
        while some := rows.with_tools(self._tx, self._who, agent_ids, after):
            yield from some
            after = some[-1].sequence

    def _redact(self, found: Iterable[Message], quotes: Quotes) -> None:
        for message in found:
            left = quotes.without(message.content)
            if left is None or message.id in self._gone:
                continue
            messages.rewrite_text(self._tx, self._who, message.id, left)
            self._count("messages", 1)
            self._runs.update(filter(None, [message.run_id]))
            self._changed(message.thread_id, message.sequence)

    def _changed(self, thread_id: str, sequence: int) -> None:
        """Note that a thread is changed from a message on, and with it the threads that share that message."""
        sharing = [
            thread.id
            for thread in self._threads.values()
            if any(each.thread_id == thread_id and each.until >= sequence for each in thread.ancestors)
        ]
        for id in (thread_id, *sharing):
            self._since[id] = min(sequence, self._since.get(id, sequence))

    def finish(self) -> None:
        """Remove what was made from what goes: summaries, traces, kept results of runs."""
        for thread_id, first in self._since.items():
            if thread := self._threads.get(thread_id):
                self._tidy(thread, first)
        for run_id in sorted(self._runs):
            if (run := runs.find(self._tx, self._who, run_id)) is not None:
                kept = {name: run.metadata[name] for name in ("run_type",) if name in run.metadata}
                runs.change(self._tx, self._who, run_id, {"metadata": kept, "input": [], "request": None})
        self._job.scope.runs = sorted(self._runs)
        self._job.scope.touched = sorted({*self._job.scope.touched, *self._since})

    def _tidy(self, thread: Thread, first: int) -> None:
        tx, who = self._tx, self._who
        summaries = rows.later_summaries(tx, who, thread.id, first)
        self._gone.update(summaries)
        self._count("messages", rows.delete(tx, who, messages.rows, summaries))
        self._count("steps", rows.drop_traces(tx, who, thread.id))
        changes: dict[str, object] = {
            "ancestors": [each for each in thread.ancestors if each.thread_id not in self._job.scope.threads],
            "window_ids": None
            if thread.window_ids is None
            else [id for id in thread.window_ids if id not in self._gone],
        }
        if thread.summary_id in self._gone:
            changes["summary_id"] = self._note(thread)
        threads.rows.update(tx, who, thread.id, changes)

    def _note(self, thread: Thread) -> str:
        """The message that stands where a summary stood."""
        note = Message(
            id=new_id("message"),
            organization_id=self._who.organization_id,
            agent_id=thread.agent_id,
            thread_id=thread.id,
            role="summary",
            content=[TextPart(text=NOTE)],
        )
        messages.append(self._tx, [note])
        return note.id

    def _count(self, table: str, more: int) -> None:
        if more:
            self._job.erased[table] = self._job.erased.get(table, 0) + more


def _call_ids(message: Message) -> set[str]:
    """The calls that a message makes, answers or decides about."""
    answered = {part.call_id for part in message.content if isinstance(part, ToolReturnPart | ApprovalPart)}
    return answered | {part.id for part in message.calls}
