"""The table of the audit log."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from holdfast.audit.model import Action, AuditEntry
from holdfast.auth.model import Who
from holdfast.errors import Forbidden
from holdfast.kit.ids import new_id
from holdfast.kit.page import Page
from holdfast.store.table import Rows, Tx

rows = Rows(
    "audit_log",
    AuditEntry,
    sa.Index("audit_log_by_time", "organization_id", "created_at", "id"),
    noun="audit entry",
)


def note(tx: Tx, who: Who, action: Action, target: str, details: Mapping[str, Any]) -> AuditEntry:
    """Write down that something begins."""
    entry = AuditEntry(
        id=new_id("audit"),
        organization_id=who.organization_id,
        created_by_id=who.user_id,
        last_updated_by_id=who.user_id,
        key_id=who.key_id,
        action=action,
        target=target,
        details=dict(details),
    )
    return rows.insert(tx, entry)


def add(tx: Tx, who: Who, id: str, details: Mapping[str, Any]) -> None:
    """Write down what it came to."""
    entry = rows.find(tx, who, id)
    if entry is not None:
        rows.update(tx, who, id, {"details": {**entry.details, **details}})


def page(tx: Tx, who: Who, page: Page, organization_id: str | None = None) -> list[AuditEntry]:
    """What was done in the caller's organization; administrators may look at another one."""
    if organization_id not in (None, who.organization_id):
        if not who.is_admin:
            raise Forbidden("Only an administrator may read the audit log of another organization.")
        who = Who(organization_id or who.organization_id, None)
    return rows.page(tx, who, page)
