"""The variables that every custom tool of an organization finds in its environment (CONTRACT §8)."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.auth.model import Who
from holdfast.errors import BadRequest, Conflict
from holdfast.kit.ids import new_id
from holdfast.store.table import Rows, Tx
from holdfast.tools.model import NewVariable, Place, SandboxConfig, SandboxVariable

configs = Rows(
    "sandbox_configs",
    SandboxConfig,
    sa.Index("sandbox_configs_by_type", "organization_id", "type", unique=True),
    noun="sandbox config",
)
rows = Rows(
    "sandbox_variables",
    SandboxVariable,
    sa.Index("sandbox_variables_by_key", "organization_id", "key", unique=True),
    noun="sandbox variable",
)


def every_config(tx: Tx, who: Who) -> list[SandboxConfig]:
    return configs.all(tx, who)


def of_place(tx: Tx, who: Who, place: Place, config: Mapping[str, Any] | None = None) -> SandboxConfig:
    """The organization's config for a place, made when it is missing; what is said of it is kept."""
    there = configs.first(tx, who, configs.c.type == place)
    if there is None:
        made = SandboxConfig(
            id=new_id("sandbox"),
            organization_id=who.organization_id,
            created_by_id=who.user_id,
            last_updated_by_id=who.user_id,
            config=dict(config or {}),
            type=place,
        )
        return configs.insert(tx, made)
    return there if config is None else configs.update(tx, who, there.id, {"config": config})


def change_config(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> SandboxConfig:
    return configs.update(tx, who, id, values) if values else configs.get(tx, who, id)


def delete_config(tx: Tx, who: Who, id: str) -> None:
    """Remove a config with its variables."""
    configs.delete(tx, who, id)
    tx.execute(rows.table.delete().where(rows.c.organization_id == who.organization_id, rows.c.sandbox_config_id == id))


def of_config(tx: Tx, who: Who, config_id: str) -> list[SandboxVariable]:
    configs.get(tx, who, config_id)
    mine = rows.c.sandbox_config_id == config_id
    return rows.all(tx, who, mine, order=[rows.c.created_at, rows.c.key])


def environment(tx: Tx, who: Who) -> dict[str, str]:
    """The variables by name."""
    return {variable.key: variable.value for variable in rows.all(tx, who)}


def create(tx: Tx, who: Who, config_id: str, new: NewVariable) -> SandboxVariable:
    configs.get(tx, who, config_id)
    _refuse_taken(tx, who, new.key)
    made = SandboxVariable(
        **new.model_dump(),
        id=new_id("sandbox-env"),
        organization_id=who.organization_id,
        sandbox_config_id=config_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
    )
    return rows.insert(tx, made)


def change(tx: Tx, who: Who, id: str, values: Mapping[str, Any]) -> SandboxVariable:
    before = rows.get(tx, who, id)
    if not values:
        raise BadRequest("Send what is to change: `key`, `value` or `description`.")
    if values.get("key", before.key) != before.key:
        _refuse_taken(tx, who, values["key"])
    return rows.update(tx, who, id, values)


def delete(tx: Tx, who: Who, id: str) -> None:
    rows.delete(tx, who, id)


def _refuse_taken(tx: Tx, who: Who, key: str) -> None:
    if rows.first(tx, who, rows.c.key == key) is not None:
        raise Conflict(f"There is a variable {key!r} already; change it, or delete it first.")
