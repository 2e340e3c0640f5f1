"""The files of the add-on fit together: manifest, models, views, rights. Odoo itself is not asked: it is not here."""

import ast
import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.odoo.addon import ADDON

MODULE = ADDON.name

CHILDREN: dict[str, set[str]] = {
    "form": {"sheet", "group", "notebook", "field", "button", "footer", "header"},
    "sheet": {"group", "notebook", "field", "button"},
    "group": {"group", "field", "button"},
    "notebook": {"page"},
    "page": {"group", "field", "button"},
    "footer": {"button"},
    "header": {"button", "field"},
    "list": {"field", "button"},
    "field": set(),
    "button": set(),
}
COMMON = {"invisible", "groups", "class", "string"}
ATTRIBUTES: dict[str, set[str]] = {
    "form": {"string"},
    "list": {"string", "create", "delete", "editable"},
    "page": {"name"},
    "group": {"name"},
    "field": {"name", "readonly", "required", "column_invisible", "widget"},
    "button": {"name", "type", "special", "confirm"},
}


@dataclass
class Model:
    """What the Python says of a model."""

    inherits: str | None = None
    fields: dict[str, ast.Call] = field(default_factory=dict[str, ast.Call])
    methods: set[str] = field(default_factory=set[str])


def _text(value: ast.expr | None) -> str | None:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _model(body: ast.ClassDef) -> tuple[str, Model]:
    names, model = dict[str, str](), Model()
    for each in body.body:
        if isinstance(each, ast.FunctionDef):
            model.methods.add(each.name)
        elif isinstance(each, ast.Assign) and isinstance(target := each.targets[0], ast.Name):
            if isinstance(each.value, ast.Call):
                model.fields[target.id] = each.value
            elif text := _text(each.value):
                names[target.id] = text
    model.inherits = names.get("_inherit")
    return names.get("_name") or names["_inherit"], model


def models() -> dict[str, Model]:
    found = dict[str, Model]()
    for path in sorted((ADDON / "models").glob("*.py")):
        classes = [each for each in ast.parse(path.read_text()).body if isinstance(each, ast.ClassDef)]
        found |= dict(_model(each) for each in classes)
    for model in found.values():
        if model.inherits in found:
            model.fields = {**found[model.inherits].fields, **model.fields}
            model.methods |= found[model.inherits].methods
    return found


MODELS = models()


def records(path: Path) -> list[ET.Element]:
    root = ET.parse(path).getroot()  # noqa: S314 -- our own file
    assert root.tag == "odoo"
    assert all(each.tag == "record" for each in root)
    return list(root)


def manifest() -> dict[str, Any]:
    return ast.literal_eval((ADDON / "__manifest__.py").read_text())


def data_records() -> list[ET.Element]:
    return [each for name in manifest()["data"] if name.endswith(".xml") for each in records(ADDON / name)]


def value(record: ET.Element, name: str) -> ET.Element | None:
    return next((each for each in record if each.get("name") == name), None)


def views() -> dict[str, tuple[str, ET.Element]]:
    """Model and arch of every view: those of the database, and those of the lists."""
    found = {path.name: (path.stem, ET.parse(path).getroot()) for path in (ADDON / "views" / "lists").glob("*.xml")}  # noqa: S314 -- our own file
    for record in data_records():
        if record.get("model") == "ir.ui.view":
            model, arch = value(record, "model"), value(record, "arch")
            assert model is not None
            assert arch is not None
            assert len(arch) == 1
            found[record.attrib["id"]] = (model.text or "", arch[0])
    return found


def test_the_manifest_names_files_that_exist_and_all_of_them() -> None:
    said = manifest()
    assert said["depends"] == ["llm_letta"]
    assert said["license"] == "Other OSI approved licence"
    there = {str(path.relative_to(ADDON)) for folder in ("security", "views") for path in (ADDON / folder).glob("*.*")}
    assert set(said["data"]) == there


def test_the_python_compiles_for_the_oldest_python_of_odoo_17() -> None:
    for path in ADDON.rglob("*.py"):
        ast.parse(path.read_text(), str(path), feature_version=(3, 10))


def test_the_plain_modules_need_nothing_but_python() -> None:
    for path in (ADDON / "client").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module or "")
            assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names, path.name


@pytest.mark.parametrize("view", sorted(views()))
def test_views_show_fields_and_press_buttons_of_their_models(view: str) -> None:
    name, arch = views()[view]
    model = MODELS[name]
    for element in arch.iter():
        tag = element.tag
        assert tag in CHILDREN, tag
        assert {child.tag for child in element} <= CHILDREN[tag], tag
        assert set(element.attrib) <= ATTRIBUTES.get(tag, set()) | COMMON, (tag, element.attrib)
        if tag == "field":
            assert element.attrib["name"] in model.fields, element.attrib
        if element.get("type") == "object":
            assert element.attrib["name"] in model.methods, element.attrib
        for condition in filter(None, (element.get("invisible"), element.get("readonly"))):
            used = {node.id for node in ast.walk(ast.parse(condition, mode="eval")) if isinstance(node, ast.Name)}
            assert used <= {each.get("name") for each in arch.iter("field")}, condition
        if groups := element.get("groups"):
            assert groups in {
                f"{MODULE}.{each.get('id')}" for each in data_records() if each.get("model") == "res.groups"
            }


def test_lines_of_a_panel_are_models_with_a_list_of_their_own() -> None:
    shown = {each.get("name") for each in views()["view_panel_form"][1].iter("field")}
    lines = {name: call for name, call in MODELS["holdfast.memory.panel"].fields.items() if name.endswith("_ids")}
    assert len(lines) == 4
    assert set(lines) <= shown
    for call in lines.values():
        comodel, inverse = map(_text, call.args)
        assert comodel in MODELS
        assert inverse in MODELS[comodel].fields
        assert (ADDON / "views" / "lists" / f"{comodel}.xml").exists()


def test_rights_are_of_models_that_there_are() -> None:
    with (ADDON / "security" / "ir.model.access.csv").open() as file:
        rows = list(csv.DictReader(file))
    ours = {name for name in MODELS if name.startswith("holdfast.memory.") and name != "holdfast.memory.line"}
    assert {row["model_id:id"] for row in rows} == {f"model_{name.replace('.', '_')}" for name in ours}
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["group_id:id"] for row in rows} == {"base.group_user"}


def test_the_action_of_a_thread_calls_a_method_that_it_has() -> None:
    [action] = [each for each in data_records() if each.get("model") == "ir.actions.server"]
    bound, code = value(action, "binding_model_id"), value(action, "code")
    assert bound is not None
    assert code is not None
    assert bound.get("ref") == "model_llm_thread"
    called = (code.text or "").removeprefix("action = record.").removesuffix("()")
    assert called in MODELS["llm.thread"].methods


def test_whatever_changes_memory_asks_for_the_right_to_it() -> None:
    """Methods without an underscore can be called by everybody who is logged in."""
    for path in (ADDON / "models").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.name != "told":
                asks = "_must_edit()" in ast.unparse(node)
                assert asks == (node.name in ("action_save", "action_attach", "action_detach")), node.name
                assert node.name.startswith("action_"), node.name
