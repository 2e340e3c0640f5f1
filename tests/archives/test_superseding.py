"""An agent corrects what it has kept: the old fact leaves search, and is found as of then."""

from tests.archives.holding import archive, holder, memory, ok, passage
from tests.fakes.openai_script import Reply
from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import Json, missing, say

TOOL = "archival_memory_supersede"


def correct(org: Org, models: OpenAIServer, owner: str, passage_id: str, content: str) -> Json:
    """Let an agent correct something; what its tool returned."""
    models.queue(Reply(calls=((TOOL, {"passage_id": passage_id, "content": content}),)), Reply("Done."))
    answered = say(org, f"agents/{owner}", "That has changed.")["messages"]
    return next(each for each in answered if each["message_type"] == "tool_return_message")


def test_the_new_fact_takes_the_place_of_the_old_one(org: Org, models: OpenAIServer) -> None:
    held = archive(org)
    owner = holder(org, held, tools=[TOOL])
    old = passage(org, held, "Anna lives in Rome.", tags=["people"])
    returned = correct(org, models, owner, old["id"], "Anna lives in Turin.")
    [shown] = memory(org, owner)
    assert (shown["text"], shown["tags"]) == ("Anna lives in Turin.", ["people"])
    assert shown["id"] in returned["tool_return"]
    query = {"archive_id": held, "query": "Where does Anna live?", "as_of": old["created_at"]}
    [then] = ok(org.http.post("/v1/passages/search", json=query))
    assert then["passage"]["text"] == "Anna lives in Rome."
    assert correct(org, models, owner, old["id"], "Anna lives in Bari.")["status"] == "error"


def test_nothing_of_others_is_corrected(org: Org, models: OpenAIServer) -> None:
    owner, elsewhere = holder(org, archive(org), tools=[TOOL]), archive(org)
    foreign = passage(org, elsewhere, "Bob sails.")
    for wrong in (foreign["id"], missing("passage"), "3", ""):
        assert correct(org, models, owner, wrong, "Bob sings.")["status"] == "error"
    assert correct(org, models, holder(org, tools=[TOOL]), foreign["id"], "Bob sings.")["status"] == "error"
    [kept] = ok(org.http.post("/v1/passages/search", json={"archive_id": elsewhere, "query": "Bob"}))
    assert kept["passage"]["text"] == "Bob sails."
