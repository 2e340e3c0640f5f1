"""Other names of V1's operations that clients use, with and without slashes."""

from tests.fakes.openai_server import OpenAIServer
from tests.harness.tenants import Org
from tests.messages.talking import agent


def test_archival_memory_by_its_short_name(org: Org) -> None:
    place = f"/v1/agents/{agent(org)}/archival"
    (stored,) = org.http.post(f"{place}/", json={"content": "health check"}).json()
    assert [each["id"] for each in org.http.get(place).json()] == [stored["id"]]
    assert org.http.delete(f"{place}/{stored['id']}").status_code == 200
    assert org.http.get(f"{org.server.url}/{place}/").json() == []


def test_memory_by_operations(org: Org) -> None:
    id = agent(org, memory_blocks=[{"label": "notes", "value": "Likes tea."}])
    place = f"/v1/agents/{id}/memory"

    def value(**body: str) -> str:
        answer = org.http.post(place, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["blocks"][0]["value"]

    assert org.http.get(place).json()["blocks"][0]["value"] == "Likes tea."
    assert value(operation="append", label="notes", content="Has a dog.") == "Likes tea.\nHas a dog."
    assert value(operation="replace", block_label="notes", old="tea", value="coffee") == "Likes coffee.\nHas a dog."
    assert value(operation="set", label="notes", value="") == ""
    assert value(operation="get") == ""
    for body, status in [
        ({"operation": "dance"}, 422),
        ({"operation": "set"}, 400),
        ({"operation": "set", "label": "nothing", "value": "x"}, 404),
        ({"operation": "replace", "label": "notes", "old": "x", "value": "y"}, 400),
    ]:
        assert org.http.post(place, json=body).status_code == status, body


def test_folders_and_servers_by_other_verbs(org: Org, models: OpenAIServer) -> None:
    id = agent(org)
    folder = org.http.post("/v1/folders/", json={"name": org.name("papers")}).json()["id"]
    assert org.http.post(f"/v1/agents/{id}/folders/{folder}").status_code == 200
    assert [each["id"] for each in org.http.get(f"/v1/agents/{id}/folders").json()] == [folder]
    http = org.server.http  # only an administrator may name addresses of this machine
    named = {"server_name": org.name("own"), "server_type": "streamable-http", "server_url": f"{org.server.url}/mcp"}
    server = http.post("/v1/tools/mcp/servers", json=named).json()["id"]
    place = f"/v1/mcp-servers/{server}/tools"
    tool = http.post(f"{place}/{named['server_name']}__recall/add/").json()
    assert tool["id"] in [each["id"] for each in http.get(f"{place}/").json()]
    assert http.post(f"{place}/nothing/add").status_code == 404
