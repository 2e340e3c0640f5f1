"""The variables of an organization's tools, as V1 keeps them (CONTRACT §8)."""

from typing import Any

import pytest

from tests.harness.tenants import Org


def add(org: Org, config: str, **fields: Any) -> dict[str, Any]:
    answer = org.http.post(f"/v1/sandbox-config/{config}/environment-variable", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.contract("tools.variables")
def test_variables_are_listed_changed_and_deleted(org: Org) -> None:
    assert org.http.get("/v1/sandbox-config/").json() == []
    config = org.http.post("/v1/sandbox-config/", json={"config": {"sandbox_dir": "/x"}}).json()
    assert config["config"] == {"sandbox_dir": "/x"}
    assert org.http.post("/v1/sandbox-config/local", json={"use_venv": True}).json()["id"] == config["id"]
    changed = org.http.patch(f"/v1/sandbox-config/{config['id']}", json={"config": {"a": 1}}).json()
    assert [changed] == org.http.get("/v1/sandbox-config/").json()
    elsewhere = org.http.post("/v1/sandbox-config/e2b/default").json()
    assert (elsewhere["type"], elsewhere["id"]) == ("e2b", org.http.post("/v1/sandbox-config/e2b/default").json()["id"])
    assert org.http.post("/v1/sandbox-config/local/default").json()["id"] == config["id"]
    assert org.http.delete(f"/v1/sandbox-config/{elsewhere['id']}").status_code == 204
    made = add(org, config["id"], key="A", value="1")
    path, listed = f"/v1/sandbox-config/environment-variable/{made['id']}", f"/v1/sandbox-config/{config['id']}"
    assert org.http.patch(path, json={"value": "2"}).json()["value"] == "2"
    [only] = org.http.get(f"{listed}/environment-variable").json()
    assert (only["key"], only["value"], only["sandbox_config_id"]) == ("A", "2", config["id"])
    twice = org.http.post(f"{listed}/environment-variable", json={"key": "A", "value": "3"})
    assert (twice.status_code, "'A'" in twice.json()["detail"]) == (409, True)
    for key in ("A=B", "", "1A", "A\n"):
        assert org.http.post(f"{listed}/environment-variable", json={"key": key, "value": ""}).status_code == 422
    assert org.http.delete(path).status_code == 204
    add(org, config["id"], key="B", value="1")
    assert org.http.delete(listed).status_code == 204
    assert org.http.get(f"{listed}/environment-variable").status_code == 404


@pytest.mark.contract("tools.packages.renew")
def test_what_tools_need_is_installed_anew(org: Org) -> None:
    assert org.http.post("/v1/sandbox-config/local/recreate-venv").json()["type"] == "local"
    source = 'import greeting\ndef greet() -> str:\n    """Greet."""\n    return greeting.WORD'
    tool = {"source_code": source, "pip_requirements": [{"name": "greeting", "version": "1.0"}]}
    assert org.http.post("/v1/tools/", json=tool).status_code == 200
    refused = org.http.post("/v1/sandbox-config/local/recreate-venv")
    assert (refused.status_code, "greeting==1.0" in refused.json()["detail"]) == (400, True)
    assert "HOLDFAST_TOOL_PACKAGES=true" in refused.json()["detail"]
