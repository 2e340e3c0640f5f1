"""What was forgotten is in no file: not as text, not escaped, not as the search writes its words."""

import pytest

from tests.archives.holding import archive, holder, ok, passage, remember
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.files.holding import agent as with_folder
from tests.files.holding import folder, put, returned
from tests.forget.digging import Canary, Ground, canary, forget, word
from tests.harness.fleet import FreshServer
from tests.harness.postgres import Postgres
from tests.harness.tenants import Org, new_org
from tests.messages.talking import agent, of_agent, say
from tests.turns.backgrounds import over, started

AT_ONCE = {"HOLDFAST_FORGET_REWRITE_SECONDS": "0"}


@pytest.fixture
def ground(fresh_server: FreshServer, postgres: Postgres) -> Ground:
    return Ground(fresh_server(AT_ONCE), postgres)


@pytest.fixture
def mine(ground: Ground) -> Org:
    return new_org(ground.server)


def searched(org: Org, text: str) -> None:
    """Have what was stored indexed, and in memory."""
    ok(org.http.post("/v1/messages/search", json={"query": text}))
    ok(org.http.post("/v1/passages/search", json={"query": text}))


def gone(ground: Ground, *canaries: Canary) -> None:
    ground.settle()
    assert ground.holding(*canaries) == []


def there(ground: Ground, *canaries: Canary) -> None:
    """Otherwise finding nothing afterwards would prove nothing."""
    ground.settle()
    for each in canaries:
        assert ground.holding(each)


def test_an_agent_with_all_that_it_ever_knew(ground: Ground, mine: Org, models: OpenAIServer) -> None:
    secret, edited = canary(), canary()
    block = {"label": "human", "value": edited.text}
    made = agent(
        mine, f"I am {secret.text}", "Hello.", memory_blocks=[block], name=secret.plain, tags=[secret.accented]
    )
    ok(mine.http.patch(f"/v1/agents/{made}/core-memory/blocks/human", json={"value": "Nothing."}))
    kept = remember(mine, made, f"{secret.text} was stored", tags=[secret.plain])
    ok(mine.http.patch(f"/v1/agents/{made}/archival-memory/{kept['id']}", json={"text": edited.text}))
    conversation = ok(mine.http.post("/v1/conversations/", params={"agent_id": made}, json={"summary": secret.text}))[
        "id"
    ]
    say(mine, f"conversations/{conversation}", f"About {secret.text}. REPLY I see, {secret.text}.")
    models.queue(Reply(secret.text))
    over(mine, started(mine, f"agents/{made}", f"Once more: {edited.text}"))
    headers = {"Idempotency-Key": f"key of {secret.plain}"}
    ok(mine.http.post(f"/v1/agents/{made}/archival-memory", json={"text": secret.text}, headers=headers))
    searched(mine, secret.text)
    there(ground, secret, edited)
    job = forget(mine, agent_id=made)
    assert job["kept"] == []
    assert {"messages", "runs", "steps", "passages", "passage_versions", "search_entries", "answers"} <= job[
        "erased"
    ].keys()
    gone(ground, secret, edited)
    assert mine.http.get(f"/v1/agents/{made}").status_code == 404
    assert mine.http.post("/v1/messages/search", json={"query": secret.text}).json() == []


def test_a_passage_with_its_versions_and_the_call_that_stored_it(
    ground: Ground, mine: Org, models: OpenAIServer
) -> None:
    secret, edited = canary(), canary()
    made = agent(mine, tools=["archival_memory_insert", "archival_memory_search"])
    insert = ("archival_memory_insert", {"content": secret.text, "tags": [secret.accented]})
    models.queue(Reply(calls=(insert,)), Reply("Stored."))
    say(mine, f"agents/{made}", "Remember it.")
    models.queue(Reply(calls=(("archival_memory_search", {"query": "what was it"}),)), Reply("Found."))
    say(mine, f"agents/{made}", "Look it up.")
    [kept] = ok(mine.http.get(f"/v1/agents/{made}/archival-memory"))
    ok(mine.http.patch(f"/v1/agents/{made}/archival-memory/{kept['id']}", json={"text": edited.text}))
    other = remember(mine, made, "Green tea is good.")
    searched(mine, secret.text)
    there(ground, secret, edited)
    forget(mine, passage_id=kept["id"])
    gone(ground, secret, edited)
    assert [each["id"] for each in ok(mine.http.get(f"/v1/agents/{made}/archival-memory"))] == [other["id"]]
    assert "Found." in [each.get("content") for each in of_agent(mine, made)]
    say(mine, f"agents/{made}", "Go on. REPLY Fine.")


def test_a_message_with_what_searches_found_of_it(ground: Ground, mine: Org, models: OpenAIServer) -> None:
    secret = canary()
    made = agent(mine, "I like tea.", "Noted.", tools=["conversation_search"])
    models.queue(Reply("Understood."))
    say(mine, f"agents/{made}", f"My word is {secret.text}.")
    models.queue(Reply(calls=(("conversation_search", {"query": "my word"}),)), Reply("You said it."))
    say(mine, f"agents/{made}", "What was my word?")
    searched(mine, secret.text)
    there(ground, secret)
    [message] = [each for each in of_agent(mine, made) if secret.plain in str(each.get("content"))]
    job = forget(mine, message_id=message["id"])
    gone(ground, secret)
    assert job["erased"]["messages"] >= 2
    said = [each.get("content") for each in of_agent(mine, made)]
    assert {"I like tea.", "Noted.", "Understood.", "What was my word?", "You said it."} <= {*said}
    models.reset()
    say(mine, f"agents/{made}", "Go on. REPLY Fine.")
    assert secret.plain not in str(models.requests)


def test_a_conversation(ground: Ground, mine: Org, models: OpenAIServer) -> None:
    secret = canary()
    made = agent(mine, "I like tea.", "Noted.", tools=["conversation_search"])
    conversation = ok(mine.http.post("/v1/conversations/", params={"agent_id": made}, json={"summary": secret.text}))[
        "id"
    ]
    say(mine, f"conversations/{conversation}", f"My word is {secret.text}. REPLY So it is {secret.text}.")
    models.queue(Reply(calls=(("conversation_search", {"query": "my word"}),)), Reply("You said it."))
    say(mine, f"agents/{made}", "What was my word?")
    mine.http.delete(f"/v1/conversations/{conversation}")
    searched(mine, secret.text)
    there(ground, secret)
    forget(mine, conversation_id=conversation)
    gone(ground, secret)
    assert "You said it." in [each.get("content") for each in of_agent(mine, made)]


def test_an_identity_with_its_agents(ground: Ground, mine: Org) -> None:
    secret = canary()
    made = agent(mine, f"I am {secret.text}", "Hello.")
    identity = ok(
        mine.http.post(
            "/v1/identities/",
            json={
                "identifier_key": secret.plain,
                "name": secret.accented,
                "identity_type": "user",
                "agent_ids": [made],
                "properties": [{"key": "word", "value": secret.text, "type": "string"}],
            },
        )
    )["id"]
    lent = archive(mine, name=secret.text)
    mine.http.patch(f"/v1/agents/{made}/archives/attach/{lent}")
    passage(mine, lent, secret.text)
    searched(mine, secret.text)
    there(ground, secret)
    forget(mine, identity_id=identity)
    gone(ground, secret)
    assert mine.http.get(f"/v1/identities/{identity}").status_code == 404
    assert mine.http.get(f"/v1/archives/{lent}").status_code == 404
    assert holder(mine)


def test_a_passage_that_was_shown_unasked(ground: Ground, mine: Org, models: OpenAIServer) -> None:
    secret = canary()
    made = agent(mine, auto_recall={"enabled": True, "threshold": 0.0})
    kept = remember(mine, made, f"The word is {secret.text}.")
    searched(mine, secret.text)
    say(mine, f"agents/{made}", "What is the word? REPLY I know it.")
    assert secret.plain in str(models.requests)
    there(ground, secret)
    forget(mine, passage_id=kept["id"])
    gone(ground, secret)


def test_a_passage_that_was_stored_twice(ground: Ground, mine: Org, models: OpenAIServer) -> None:
    secret = canary()
    made = agent(mine, tools=["archival_memory_insert"])
    for ending in (".", "!"):
        insert = ("archival_memory_insert", {"content": f"The word is {secret.text}{ending}"})
        models.queue(Reply(calls=(insert,)), Reply("Stored."))
        say(mine, f"agents/{made}", "Remember it.")
        searched(mine, "word")
    [kept] = ok(mine.http.get(f"/v1/agents/{made}/archival-memory"))
    there(ground, secret)
    forget(mine, passage_id=kept["id"])
    gone(ground, secret)


@pytest.mark.parametrize("whole", [True, False])
def test_a_file_with_what_an_agent_was_shown_of_it(ground: Ground, mine: Org, whole: bool) -> None:
    secret = canary()
    held = folder(mine, f"papers {word()}")
    uploaded = put(mine, held, "plan.md", f"# Plan\n\nIt is about {secret.text}.\n")
    reader = with_folder(mine, held)
    assert secret.plain in returned(mine, reader, "grep_files", pattern="It is")
    assert secret.plain in returned(mine, reader, "open_files", file_requests=[{"file_name": uploaded["file_name"]}])
    returned(mine, reader, "semantic_search_files", query="What is the plan about?")
    there(ground, secret)
    forget(mine, **({"folder_id": held} if whole else {"file_id": uploaded["id"]}))
    gone(ground, secret)
    assert mine.http.get(f"/v1/agents/{reader}").status_code == 200
    assert mine.http.get(f"/v1/folders/{held}").status_code == (404 if whole else 200)
