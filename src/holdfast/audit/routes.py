"""HTTP of the audit log."""

from typing import Annotated

from fastapi import Query, Response

from holdfast.audit import store
from holdfast.audit.model import AuditEntry
from holdfast.auth.caller import Caller, Db
from holdfast.kit.page import Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router

router = Router("audit")


@router.get("/audit/", list[AuditEntry])
async def list_audit_entries(
    who: Caller,
    db: Db,
    page: Annotated[Page, page_of("desc", 50)],
    organization_id: Annotated[str | None, Query(description="Another organization; for administrators only.")] = None,
) -> Response:
    """What was forgotten and exported, by whom and when; never what it said."""
    return reply(await db.read(store.page, who, page, organization_id))
