"""Statements that nobody waits for, on PostgreSQL: they go with the next one, and nothing is lost or done twice."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from holdfast.store.cipher import Cipher
from holdfast.store.database import Database
from holdfast.store.libpq import MOST_WAITING
from holdfast.store.postgres import engine as engine_of
from holdfast.store.prepared import Prepared, among, savepoint
from tests.harness.pooler import Pooler
from tests.harness.postgres import Postgres
from tests.harness.ways import counted

things = sa.Table("things", sa.MetaData(), sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("text", sa.Text))
ADD = Prepared(things.insert())
COUNT = Prepared(sa.select(sa.func.count()).select_from(things))
TEXTS = Prepared(sa.select(things.c.text).order_by(things.c.id))
CHANGE = Prepared(things.update().where(things.c.id == sa.bindparam("which")), ["text"])
SOME = Prepared(sa.select(things.c.text).where(among(things.c.text, "wanted")))
SESSION = Prepared(sa.select(sa.func.pg_backend_pid()))


@pytest.fixture(params=["directly", "through a pooler"])
def engine(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[sa.Engine]:
    uri, database = "", postgres.create()
    if request.param == "directly":
        uri = postgres.uri(database)
    else:
        pooler: Pooler = request.getfixturevalue("pooler")
        uri = pooler.uri(database)
    made = engine_of(uri, "public", 2)
    with made.begin() as tx:
        things.create(tx)
    yield made
    made.dispose()


def add(tx: sa.Connection, id: int, text: str = "") -> None:
    ADD.soon(tx, {"id": id, "text": text})


def count(engine: sa.Engine) -> int:
    with engine.connect() as tx:
        return (COUNT.row(tx, {}) or [0])[0]


def test_they_go_with_the_next_one_and_the_commit(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = counted(monkeypatch)
    with engine.begin() as tx:
        add(tx, 1)
        add(tx, 2)
        found = COUNT.soon(tx, {})
        assert not sent and not found.is_there
        assert found.row() == (2,)
        add(tx, 3)
    assert list(map(len, sent)) == [4, 2], "a BEGIN with three statements, then one with its COMMIT"
    assert count(engine) == 3


def test_what_is_asked_of_sqlalchemy_comes_after_what_waits(engine: sa.Engine) -> None:
    with engine.begin() as tx:
        add(tx, 1, "a")
        assert tx.execute(sa.select(things.c.text)).scalars().all() == ["a"]
        CHANGE.soon(tx, {"which": 1, "text": "b"})
        assert tx.execute(sa.select(things.c.text)).scalars().all() == ["b"]
    assert count(engine) == 1


def test_a_unit_of_one_statement_needs_no_transaction_around_it(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = counted(monkeypatch)
    with engine.begin() as tx:
        add(tx, 1)
    assert list(map(len, sent)) == [1]
    assert count(engine) == 1


def test_a_failure_is_told_with_the_commit_and_leaves_nothing(engine: sa.Engine) -> None:
    with pytest.raises(exc.IntegrityError), engine.begin() as tx:
        add(tx, 1)
        add(tx, 1)
        add(tx, 2)
    assert count(engine) == 0
    with engine.begin() as tx:
        add(tx, 1)
    assert count(engine) == 1


def test_a_failure_within_a_savepoint_is_told_there(engine: sa.Engine) -> None:
    with engine.begin() as tx:
        add(tx, 1)
        with pytest.raises(exc.IntegrityError), savepoint(tx):
            add(tx, 2)
            add(tx, 1)
        add(tx, 3)
        with pytest.raises(ZeroDivisionError), savepoint(tx):
            add(tx, 4)
            raise ZeroDivisionError
        with savepoint(tx):
            add(tx, 5)
            with pytest.raises(exc.IntegrityError), savepoint(tx):
                add(tx, 5)
    with engine.connect() as tx:
        assert list(tx.execute(sa.select(things.c.id).order_by(things.c.id)).scalars()) == [1, 3, 5]


def test_a_failure_that_was_passed_over_is_told_with_the_commit(engine: sa.Engine) -> None:
    """PostgreSQL answers such a COMMIT without an error, and has stored nothing."""
    with pytest.raises(exc.DBAPIError), engine.begin() as tx:
        add(tx, 1)
        add(tx, 1)
        with suppress(exc.IntegrityError):
            COUNT.row(tx, {})
    assert count(engine) == 0


def test_what_waits_goes_with_a_rollback(engine: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), engine.begin() as tx:
        add(tx, 1)
        assert COUNT.row(tx, {}) == (1,)
        add(tx, 2)
        raise ZeroDivisionError
    assert count(engine) == 0


def test_more_than_may_wait(engine: sa.Engine) -> None:
    with engine.begin() as tx:
        for id in range(3 * MOST_WAITING + 7):
            add(tx, id)
    assert count(engine) == 3 * MOST_WAITING + 7


def test_lists_hold_texts_of_any_kind(engine: sa.Engine) -> None:
    texts = ["", "plain", 'a "quoted" one', "\\", "{a,b}", "null", "NULL", " two\nlines ", "é漢🙂", "'; --"]
    with engine.begin() as tx:
        for id, text in enumerate(texts):
            add(tx, id, text)
    with engine.connect() as tx:
        for text in texts:
            assert SOME.rows(tx, {"wanted": [text]}) == [(text,)]
        assert {row[0] for row in SOME.rows(tx, {"wanted": texts})} == set(texts)
        assert SOME.rows(tx, {"wanted": []}) == []


def test_much_in_both_directions_at_once(engine: sa.Engine) -> None:
    """Who only sends while the other one only sends too, waits for ever."""
    text = "x" * 1_000_000
    with engine.begin() as tx:
        asked = list[Any]()
        for id in range(8):
            add(tx, id, text)
            asked.append(TEXTS.soon(tx, {}))
        assert [len(each.rows()) for each in asked] == list(range(1, 9))


def test_plans_that_the_session_has_forgotten(postgres: Postgres) -> None:
    engine = engine_of(postgres.uri(postgres.create()), "public", 1)
    reading = engine_of(postgres.uri("postgres"), "public", 1, only_reads=True)
    db = Database(engine, Cipher("key"), reading=reading, threads=1)
    db.now(things.create)
    for id in range(5):
        db.now(add, id)

    def forget_and_add(tx: sa.Connection) -> None:
        if first.pop():
            tx.exec_driver_sql("DEALLOCATE ALL")
        add(tx, 5)

    first = [False, True]
    db.now(forget_and_add)
    assert count(engine) == 6
    db.close()


def test_a_connection_that_is_lost_on_the_way(engine: sa.Engine) -> None:
    with pytest.raises(exc.DBAPIError) as lost, engine.begin() as tx:
        pid = (SESSION.row(tx, {}) or [0])[0]
        add(tx, 1)
        with engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        add(tx, 2)
        COUNT.row(tx, {})
    assert lost.value.connection_invalidated
    with engine.begin() as tx:
        add(tx, 1)
    assert count(engine) == 1


@pytest.mark.parametrize("several", [False, True], ids=["one statement", "several"])
def test_who_waits_for_a_row_lets_the_others_of_the_process_go_on(engine: sa.Engine, several: bool) -> None:
    """Among them is the one that has the row."""
    with engine.begin() as tx:
        add(tx, 1)
    holds, waits = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.begin() as tx:
            CHANGE.run(tx, {"which": 1, "text": "first"})
            holds.set()
            waits.wait()
            time.sleep(0.1)  # until the other one is at the row

    def wait() -> None:
        holds.wait()
        with engine.begin() as tx:
            tx.exec_driver_sql("SET LOCAL lock_timeout = '5s'")  # who keeps Python's lock is freed by the database
            if several:
                COUNT.soon(tx, {})
            waits.set()
            CHANGE.run(tx, {"which": 1, "text": "second"})

    threads = [threading.Thread(target=each, daemon=True) for each in (hold, wait)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(20)
        assert not each.is_alive()
    with engine.connect() as tx:
        assert TEXTS.row(tx, {}) == ("second",)
