"""One session of PostgreSQL, spoken to through libpq itself: statements that nobody waits for go with the next one.

On the way to the database and back most statements spend more than they cost there. What is sent together goes there
once (libpq's pipelines), and the BEGIN of a transaction and its COMMIT go along.
"""

import selectors
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InFailedSqlTransaction, InvalidSqlStatementName, error_from_result

MOST_WAITING = 50
"""How many statements wait at most; each holds its values in memory."""

Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
"""What waits for a socket; the one that is everywhere knows low numbers of files only."""

_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
_LOST = "the connection was lost"


@dataclass(slots=True)
class Errand:
    """A statement on its way, and what it has come to once it was there."""

    sql: bytes
    values: Sequence[Any] = ()
    is_there: bool = False
    rows: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    changed: int = 0


class PostgresSession:
    """The statements of one connection, in the order in which they were given."""

    def __init__(self, raw: psycopg.Connection[Any], *, keeps_plans: bool) -> None:
        self._raw = raw
        self._pg: Any = raw.pgconn
        self._adapt: Any = Transformer(raw)
        self._encoding = raw.info.encoding
        self._keeps_plans = keeps_plans
        """The next statement finds the same session; behind a pooler it need not."""
        self._names: dict[bytes, bytes] = {}
        self._made = 0
        self._waiting: list[Errand] = []
        self._ready = Selector()
        self._ready.register(self._pg.socket, selectors.EVENT_READ)

    def later(self, sql: bytes, values: Sequence[Any]) -> Errand:
        """Before anything else is asked, or with the commit at the latest, it is done."""
        if len(self._waiting) >= MOST_WAITING:
            self.flow()
        dumped = self._adapt.dump_sequence(values, [PyFormat.TEXT] * len(values)) if values else ()
        errand = Errand(sql, dumped)
        self._waiting.append(errand)
        return errand

    def flow(self) -> None:
        """Have everything done that waits."""
        if self._waiting:
            begins = not (self._raw.autocommit or self._is_within)
            self._send([Errand(b"BEGIN")] * begins + self._taken())

    def commit(self) -> None:
        """What waits and the COMMIT; without a transaction what is sent together is one by itself."""
        if self._pg.transaction_status == pq.TransactionStatus.INERROR:
            raise InFailedSqlTransaction("a statement failed before, so nothing can be stored")  # COMMIT would not tell
        if self._is_within:
            self._send([*self._taken(), Errand(b"COMMIT")])
        elif self._waiting and (self._keeps_plans or len(self._waiting) == 1):
            self._send(self._taken())
        elif self._waiting:
            self._send([Errand(b"BEGIN"), *self._taken(), Errand(b"COMMIT")])

    def roll_back(self) -> None:
        """What waits is not to be done, and what was done in this transaction is undone.

        psycopg would have the session forget all plans with it.
        """
        self.forget()
        if self._is_within and not self.is_lost:
            self._send([Errand(b"ROLLBACK")])

    def forget(self) -> None:
        """What waits is not to be done."""
        self._waiting = []

    @property
    def is_lost(self) -> bool:
        return self._pg.status == pq.ConnStatus.BAD

    @property
    def _is_within(self) -> bool:
        return self._pg.transaction_status != pq.TransactionStatus.IDLE

    def _taken(self) -> list[Errand]:
        taken, self._waiting = self._waiting, []
        return taken

    def _send(self, going: Sequence[Errand]) -> None:
        if len(going) > 1 and self._keeps_plans:
            self._together(going)
        else:
            for each in going:
                self._alone(each)

    def _alone(self, sent: Errand) -> None:
        name, is_new = self._name(sent)
        if name is None:
            self._read(sent, self._check(sent, self._pg.exec_params(sent.sql, sent.values)))
            return
        if is_new:
            self._planned(sent, self._pg.prepare(name, sent.sql))
        self._read(sent, self._check(sent, self._pg.exec_prepared(name, sent.values)))

    def _together(self, going: Sequence[Errand]) -> None:
        self._pg.enter_pipeline_mode()
        try:
            plans = [self._queued(each) for each in going]
            self._pg.pipeline_sync()
            self._push()
            self._take(going, plans)
        finally:
            if not self.is_lost:
                self._pg.exit_pipeline_mode()

    def _queued(self, sent: Errand) -> bool:
        """Send it without waiting; whether a plan is made for it on the way."""
        name, is_new = self._name(sent)
        if name is None:
            self._pg.send_query_params(sent.sql, sent.values)
            return False
        if is_new:
            self._pg.send_prepare(name, sent.sql)
        self._pg.send_query_prepared(name, sent.values)
        return is_new

    def _name(self, sent: Errand) -> tuple[bytes | None, bool]:
        """The name of its plan, if it has one, and whether that is still to be made."""
        if not self._keeps_plans:
            return None, False
        if (name := self._names.get(sent.sql)) is not None:
            return name, False
        self._made += 1
        name = self._names[sent.sql] = b"holdfast_%d" % self._made
        return name, True

    def _take(self, going: Sequence[Errand], plans: Sequence[bool]) -> None:
        """The answers to all of them; of those that failed the first is told, when the others are out of the way."""
        failed: psycopg.Error | None = None
        for sent, is_planned in zip(going, plans, strict=True):
            plan, result = self._next() if is_planned else None, self._next()
            try:
                if is_planned:
                    self._planned(sent, plan)
                self._read(sent, self._check(sent, result))
            except psycopg.Error as failure:
                failed = failed or failure
        if not self.is_lost:
            self._result()  # of the pipeline's end
        if failed is not None:
            raise failed

    def _next(self) -> Any:
        result = self._result()
        if result is not None:
            self._result()  # nothing, which ends it
        return result

    def _result(self) -> Any:
        """Wait for it without Python's lock, which libpq would hold: another thread may have to commit first."""
        while self._pg.is_busy():
            self._ready.select()
            try:
                self._pg.consume_input()
            except psycopg.OperationalError:
                break  # the result says why
        return self._pg.get_result()

    def _push(self) -> None:
        """Send all that is queued; the database may have to be listened to before it listens on."""
        if not self._pg.flush():
            return
        with Selector() as ready:
            ready.register(self._pg.socket, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while self._pg.flush():
                if any(events & selectors.EVENT_READ for _, events in ready.select()):
                    self._pg.consume_input()

    def _planned(self, sent: Errand, result: Any) -> None:
        try:
            self._check(sent, result)
        except psycopg.Error:
            self._names.pop(sent.sql, None)
            raise

    def _check(self, sent: Errand, result: Any) -> Any:
        if result is None:
            raise psycopg.OperationalError(_LOST)
        if result.status not in _DONE:
            failure = error_from_result(result, self._encoding)
            if isinstance(failure, InvalidSqlStatementName):
                self._names.clear()  # somebody had the session forget its plans
            failure.add_note(sent.sql.decode())
            raise failure
        return result

    def _read(self, sent: Errand, result: Any) -> None:
        sent.is_there = True
        sent.changed = result.command_tuples or 0
        if result.status == pq.ExecStatus.TUPLES_OK and result.ntuples:
            self._adapt.set_pgresult(result)
            sent.rows = self._adapt.load_rows(0, result.ntuples, tuple)
