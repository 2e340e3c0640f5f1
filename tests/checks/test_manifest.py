"""Every V1 behaviour has a test, every claim of a test is in the manifest, every served operation is described."""

import ast
import json
from typing import Any

from tests.checks import manifest
from tests.checks.source import PACKAGE, ROOT, Module, report

DOCUMENT = PACKAGE / "web" / "openapi.json"


def test_entries_are_well_formed() -> None:
    listed = manifest.behaviours()
    findings = [finding for behaviour in listed for finding in manifest.malformed(behaviour)]
    findings += manifest.duplicates(listed)
    assert not findings, report(findings)


def test_every_behaviour_has_a_test() -> None:
    marks = manifest.marks()
    findings = [b.finding("no test is marked with it") for b in manifest.behaviours() if b.id not in marks]
    assert not findings, report(findings)


def test_every_mark_is_in_the_manifest() -> None:
    known = {behaviour.id for behaviour in manifest.behaviours()}
    findings = [finding for name, places in manifest.marks().items() if name not in known for finding in places]
    assert not findings, report(findings)


def test_every_served_operation_is_described() -> None:
    missing = manifest.undescribed(json.loads(DOCUMENT.read_text()), manifest.behaviours())
    assert not missing, "served, part of V1, and named by no behaviour:\n" + "\n".join(missing)


def test_an_unlisted_mark_is_found() -> None:
    source = "@pyt" + "est.mark.contract('a.b')\ndef test(): pass"
    module = Module(ROOT / "src" / "sample.py", source, ast.parse(source))
    assert [finding.line for finding in manifest.marks((module,))["a.b"]] == [1]


def test_an_undescribed_operation_is_found() -> None:
    document: dict[str, Any] = {"paths": {"/v1/blocks/": {"post": {}}, "/v1/ours": {"get": {}}}}
    assert manifest.undescribed(document, []) == ["POST /v1/blocks/"]
