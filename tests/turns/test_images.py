"""Images in messages, and where the server fetches them (CONTRACT §3.1, DESIGN §13)."""

from base64 import b64encode
from collections.abc import Iterator
from ipaddress import ip_address

import httpx
import pytest

from holdfast.kit.egress import forbidden
from tests.fakes.files_server import FilesServer, Served
from tests.fakes.openai_server import OpenAIServer
from tests.harness.fleet import FreshServer
from tests.harness.models import MODEL
from tests.harness.tenants import Org, new_org
from tests.messages.talking import Json, agent, of_agent, texts
from tests.turns.approving import pending, result, send
from tests.turns.listening import asked
from tests.turns.test_client_tools import CALL, TOOLS

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
DATA = b64encode(PNG).decode()
INLINE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
STORED = {"type": "base64", "media_type": "image/png", "data": DATA, "detail": None}


@pytest.fixture
def files() -> Iterator[FilesServer]:
    with FilesServer() as server:
        server.files["/a.png"] = Served(PNG)
        yield server


@pytest.fixture
def open_org(fresh_server: FreshServer, models: OpenAIServer) -> Org:
    """A tenant of a server whose administrator allows private addresses."""
    return new_org(fresh_server({"HOLDFAST_ALLOW_PRIVATE_URLS": "true"}))


def show(org: Org, owner: str, source: Json) -> httpx.Response:
    content = [{"type": "text", "text": "Look:"}, {"type": "image", "source": source}]
    return org.http.post(f"/v1/agents/{owner}/messages", json={"messages": [{"role": "user", "content": content}]})


def stored_image(org: Org, owner: str) -> Json:
    (message,) = [m for m in of_agent(org, owner) if m["message_type"] == "user_message"]
    return message["content"][1]["source"]


@pytest.mark.contract("turns.images.base64")
def test_an_image_reaches_the_model_as_it_was_sent(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    answer = show(org, owner, {"type": "base64", "media_type": "image/png", "data": DATA})
    assert answer.status_code == 200, answer.text
    assert asked(models)[1]["content"] == [{"type": "text", "text": "Look:"}, INLINE]
    assert stored_image(org, owner) == STORED


@pytest.mark.contract("turns.images.base64")
@pytest.mark.parametrize(
    "source",
    [
        {"media_type": "image/png", "data": DATA},
        {"url": f"data:image/png;base64,{DATA}"},
        {"file_id": "f", "data": DATA},
    ],
)
def test_what_an_image_holds_says_what_it_is(org: Org, models: OpenAIServer, source: Json) -> None:
    """As the SDK's types have it: `type` may be left out of each part and each source."""
    owner = agent(org, model=MODEL)
    content = [{"text": "Look:"}, {"source": source}]
    answer = org.http.post(f"/v1/agents/{owner}/messages", json={"input": content})
    assert answer.status_code == 200, answer.text
    assert asked(models)[1]["content"] == [{"type": "text", "text": "Look:"}, INLINE]


@pytest.mark.contract("turns.images.data-url")
def test_a_data_url_is_decoded(org: Org, models: OpenAIServer) -> None:
    owner = agent(org, model=MODEL)
    assert show(org, owner, {"type": "url", "url": f"data:image/png;base64,{DATA}"}).status_code == 200
    assert asked(models)[1]["content"][1] == INLINE
    assert stored_image(org, owner) == STORED


@pytest.mark.contract("turns.images.url")
def test_an_image_behind_a_url_is_fetched_and_stored(open_org: Org, models: OpenAIServer, files: FilesServer) -> None:
    owner = agent(open_org, model=MODEL)
    answer = show(open_org, owner, {"type": "url", "url": f"http://localhost:{files.port}/a.png"})
    assert answer.status_code == 200, answer.text
    assert asked(models)[1]["content"][1] == INLINE
    assert stored_image(open_org, owner) == STORED
    assert files.hosts == [f"localhost:{files.port}"]


@pytest.mark.contract("turns.images.url")
def test_images_in_the_results_of_a_client_are_fetched(open_org: Org, models: OpenAIServer, files: FilesServer) -> None:
    for kind, field in (("approval", "approvals"), ("tool_return", "tool_returns")):
        owner = agent(open_org, model=MODEL)
        (call,) = pending(open_org, models, owner, CALL, **TOOLS)
        for path, status in (("/gone", 400), ("/a.png", 200)):
            image = {"type": "image", "source": {"type": "url", "url": files.url + path}}
            item = {"type": kind, field: [result(call, [image])]}
            assert send(open_org, f"agents/{owner}", item, **TOOLS).status_code == status
        (back,) = [each for each in of_agent(open_org, owner) if each["message_type"] == "tool_return_message"]
        assert back["tool_returns"][0]["tool_return"][0]["source"] == STORED


def test_redirects_are_followed_and_checked_again(open_org: Org, models: OpenAIServer, files: FilesServer) -> None:
    owner = agent(open_org, model=MODEL)
    files.files["/there"] = Served(status=302, headers={"Location": "/a.png"})
    assert show(open_org, owner, {"type": "url", "url": f"{files.url}/there"}).status_code == 200
    files.files["/meta"] = Served(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})
    refused = show(open_org, owner, {"type": "url", "url": f"{files.url}/meta"})
    assert refused.status_code == 400
    assert "metadata" in refused.json()["detail"]
    files.files["/round"] = Served(status=302, headers={"Location": "/round"})
    assert "redirected" in show(open_org, owner, {"type": "url", "url": f"{files.url}/round"}).json()["detail"]


def test_only_images_of_a_bounded_size_are_taken(open_org: Org, models: OpenAIServer, files: FilesServer) -> None:
    owner = agent(open_org, model=MODEL)
    files.files["/page"] = Served(b"<html></html>", "text/html")
    files.files["/lie.png"] = Served(b"<html></html>", "image/png")
    files.files["/huge.png"] = Served(PNG + bytes(20 * 2**20))
    for path, told in (("/page", "PNG"), ("/lie.png", "PNG"), ("/huge.png", "20 MB"), ("/gone", "404")):
        refused = show(open_org, owner, {"type": "url", "url": files.url + path})
        assert refused.status_code == 400
        assert told in refused.json()["detail"]
    assert texts(of_agent(open_org, owner)) == []


SPELLINGS = ("127.0.0.1", "localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]")


@pytest.mark.contract("turns.images.private")
@pytest.mark.parametrize("host", SPELLINGS)
def test_private_addresses_are_refused_however_they_are_spelt(
    org: Org, models: OpenAIServer, files: FilesServer, host: str
) -> None:
    refused = show(org, agent(org), {"type": "url", "url": f"http://{host}:{files.port}/a.png"})
    assert refused.status_code == 400, refused.text
    assert "HOLDFAST_ALLOW_PRIVATE_URLS" in refused.json()["detail"]
    assert files.hosts == models.chats == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://localhost/a.png",
        "http://user@localhost/a.png",
        "http://example.com\\@localhost/a.png",
        "http://local host/a.png",
        "http://[::1/a.png",
        "http://localhost:99999/a.png",
        "http://no-such-host.invalid./a.png",
        "data:text/plain;base64,aGk=",
        "data:image/png;base64,***",
        "",
    ],
)
def test_what_is_no_usable_url_is_400(org: Org, url: str) -> None:
    refused = show(org, agent(org), {"type": "url", "url": url})
    assert refused.status_code == 400, refused.text


NEVER = (
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "224.0.0.1",
    "0.0.0.0",
    "ff02::1",
)
PRIVATE = ("10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "100.64.0.1", "::1", "fd12::1", "2002:7f00:1::")


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_allowed(address: str) -> None:
    assert forbidden(ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_depend_on_the_setting(address: str) -> None:
    assert forbidden(ip_address(address), allow_private=False)
    assert forbidden(ip_address(address), allow_private=True) is None


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_open(address: str) -> None:
    assert forbidden(ip_address(address), allow_private=False) is None
