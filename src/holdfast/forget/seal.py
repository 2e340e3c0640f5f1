"""The first transaction of forgetting: from its end on nothing of what goes can be reached, or written again."""

from collections.abc import Sequence
from typing import Any

from holdfast.agents import folders as agent_folders
from holdfast.agents import store as agents
from holdfast.agents.compile import recompile
from holdfast.archives import passages
from holdfast.archives import store as archives
from holdfast.audit import store as audit
from holdfast.auth.model import Who
from holdfast.blocks import store as blocks
from holdfast.errors import Busy
from holdfast.files import attached, chunks, folders
from holdfast.files import store as files
from holdfast.forget import rows, store
from holdfast.forget.cut import Cuts
from holdfast.forget.model import Forgetting, Preview, WhatToForget
from holdfast.forget.plan import Going, plan
from holdfast.forget.quotes import Quotes
from holdfast.history.store import Versioned
from holdfast.identities import store as identities
from holdfast.kit.ids import new_id
from holdfast.messages import threads
from holdfast.store.search import PASSAGES
from holdfast.store.table import Tx
from holdfast.tools import store as tools


def preview(tx: Tx, who: Who, asked: WhatToForget) -> Preview:
    """What would go, and what would stay."""
    kind, target = asked.target
    made = plan(tx, who, kind, target, asked.shared)
    return Preview(kind=kind, target=target, forgets=made.scope.things, kept=made.kept)


def seal(tx: Tx, who: Who, asked: WhatToForget) -> Forgetting:
    """Take away whatever leads to what goes, and record the job that removes the rest; refused while turns work."""
    kind, target = asked.target
    made = plan(tx, who, kind, target, asked.shared)
    job = Forgetting(
        id=new_id("forget"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        key_id=who.key_id,
        kind=kind,
        target=target,
        shared=asked.shared,
        scope=made.scope,
        kept=made.kept,
    )
    held = rows.hold_threads(tx, who, made.concerned)
    _refuse_while_busy(tx, who, made.concerned)
    cuts = Cuts(tx, who, held, job)
    _forget_passages(tx, who, made, cuts)
    _forget_blocks(tx, who, made, cuts)
    _forget_said(tx, who, made, cuts)
    _forget_archives(tx, who, made)
    _forget_files(tx, who, made, cuts)
    _forget_agents(tx, who, made)
    for id in made.scope.identities:
        identities.delete(tx, who, id)
    cuts.finish()
    rows.drop_recalled(tx, who, made.survivors)
    _refresh_prompts(tx, who, made)
    job.audit_id = audit.note(tx, who, "forget", target, {"job": job.id, "kind": kind, "kept": len(job.kept)}).id
    return store.insert(tx, job)


def _refuse_while_busy(tx: Tx, who: Who, agent_ids: Sequence[str]) -> None:
    run = rows.unsettled_run(tx, who, agent_ids)
    if run is None:
        return
    if run.is_over:
        raise Busy(
            f"Run {run.id} of agent {run.agent_id} is over, and those who wait for it are still being told. Try again "
            "in a moment.",
            run_id=run.id,
        )
    raise Busy(
        f"Agent {run.agent_id} is working on a request ({run.id}), which could write down again what is to be "
        "forgotten. Wait for its end, or cancel it first.",
        run_id=run.id,
    )


def _forget_agents(tx: Tx, who: Who, made: Going) -> None:
    """The agents, their threads and their links; messages, runs and steps follow in the job."""
    for id in made.scope.agents:
        agents.rows.delete(tx, who, id)
        threads.delete_of_agent(tx, who, id)
        for part in (blocks, tools, identities, attached):
            part.unlink_agent(tx, who, id)
        archives.unlink_agent(tx, who, id)


def _forget_archives(tx: Tx, who: Who, made: Going) -> None:
    for id in made.scope.archives:
        archives.delete(tx, who, id)


def _forget_said(tx: Tx, who: Who, made: Going, cuts: Cuts) -> None:
    """Messages and conversations of agents that live on."""
    for id in made.scope.threads:
        cuts.conversation(id)
    if made.kind == "conversation" and not made.scope.threads:
        cuts.own_thread(made.target)
    said = [*made.scope.messages, *made.senders]
    if said:
        cuts.messages(said)


def _forget_passages(tx: Tx, who: Who, made: Going, cuts: Cuts) -> None:
    """Passages of archives that stay, with what calls of tools say of them."""
    for id in made.scope.passages:
        passage = passages.held(tx, who, id)
        made.shows_tags = bool(passage.tags)
        texts, calls = _ever(tx, who, passages.history, passage)
        cuts.quotes(made.survivors, Quotes(texts, [*calls, *cuts.calls_answered_with(made.survivors, id)]))
        if not passage.is_deleted:
            passages.delete(tx, who, id)
        rows.drop_items(tx, who, PASSAGES, passage.archive_id, [id])
        rows.delete(tx, who, passages.rows, [id])


def _forget_blocks(tx: Tx, who: Who, made: Going, cuts: Cuts) -> None:
    for id in made.scope.blocks:
        texts, calls = _ever(tx, who, blocks.history, blocks.history.held(tx, who, id))
        cuts.quotes(made.survivors, Quotes(texts, calls))
        blocks.delete(tx, who, id)


def _forget_files(tx: Tx, who: Who, made: Going, cuts: Cuts) -> None:
    """Folders and single files, with what agents were shown of them."""
    going = [file for id in made.scope.folders for file in files.of_folders(tx, who, [id])]
    going += [files.rows.get(tx, who, id) for id in made.scope.files]
    for file in going:
        name = f"{folders.get(tx, who, file.folder_id).name}/{file.name}"
        shown = cuts.calls_answered_with(made.survivors, name)
        texts = chunks.texts(tx, who, file.id)
        cuts.quotes(made.survivors, Quotes(texts, (), shown))
    for id in made.scope.files:
        files.delete(tx, who, files.rows.get(tx, who, id).folder_id, id)
    for id in made.scope.folders:
        for agent_id in files.delete_folder(tx, who, id):
            agent_folders.settle(tx, who, agent_id)


def _ever(tx: Tx, who: Who, history: Versioned[Any, Any], row: Any) -> tuple[Sequence[str], Sequence[str]]:
    """All texts that something ever had, and the calls that made and changed it."""
    past = history.since(tx, who, row.id, 1)
    texts = [getattr(each, history.text) for each in (row, *past)]
    calls = [row.origin_call_id, *(each.tool_call_id for each in past)]
    return texts, [call for call in calls if call]


def _refresh_prompts(tx: Tx, who: Who, made: Going) -> None:
    """Compile what shows a block, a file or the tags of an archive once more without it."""
    scope = made.scope
    if not (scope.blocks or scope.archives or scope.folders or scope.files or made.shows_tags):
        return
    for id in made.survivors:
        agent = agents.get(tx, who, id)
        for thread in threads.of_agent(tx, who, id):
            recompile(tx, who, agent, thread, always=True)
