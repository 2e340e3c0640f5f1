"""HTTP of the providers that an organization adds: its own accounts and servers."""

from contextlib import suppress
from typing import Annotated

from fastapi import Body, Depends, Query, Request, Response

from holdfast.auth.caller import Caller, Db
from holdfast.auth.model import Who
from holdfast.errors import BadRequest, ModelError
from holdfast.kit.egress import By
from holdfast.kit.entity import Patch
from holdfast.kit.ids import ProviderId
from holdfast.kit.page import WHOLE, Page, page_of
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.llm.catalog import Configured
from holdfast.llm.model import Listed
from holdfast.providers import store
from holdfast.providers.model import ProviderAccess, ProviderCheck, ProviderCreate, ProviderFilter, StoredProvider
from holdfast.providers.organizations import OrganizationModels
from holdfast.providers.places import checked, place_of
from holdfast.providers.wire import ProviderWire, shown
from holdfast.store.database import Database

router = Router("providers")

OF_THE_KEY = frozenset(("llm_authentication", "llm_insufficient_credits", "llm_rate_limit"))
"""What a provider says of whoever holds the key."""


async def _organizations(request: Request) -> OrganizationModels:
    return request.app.state.organizations


Organizations = Annotated[OrganizationModels, Depends(_organizations)]
Wanted = Annotated[ProviderFilter, Query()]
Changes = Annotated[Patch[ProviderAccess], Body()]


@router.get("/providers/", list[ProviderWire])
async def list_providers(who: Caller, db: Db, wanted: Wanted, page: Annotated[Page, page_of("asc", WHOLE)]) -> Response:
    """The providers that the organization has added."""
    return reply([shown(each) for each in await db.read(store.page, who, page, wanted)])


@router.post("/providers/", ProviderWire)
async def create_provider(who: Caller, db: Db, organizations: Organizations, new: ProviderCreate) -> Response:
    """Add a provider under a name of its own, which is the first half of its models' handles; ask it for its models."""
    if new.name.lower() in {name.lower() for name in organizations.server.names()}:
        raise BadRequest(f"{new.name!r} is the name of a provider of the server; choose another one.")
    await checked(new, organizations.egress, _by(who))
    made = await db.write(store.create, who, new)
    organizations.forget(who)
    with suppress(ModelError):  # it may be away for now: `last_synced` stays null, and `check` says why
        made = await _sync(who, db, organizations, made)
    return reply(shown(made))


@router.post("/providers/check", dict[str, str])
async def check_provider(who: Caller, organizations: Organizations, access: ProviderCheck) -> Response:
    """See whether a provider accepts a key; nothing is stored."""
    await _listed(organizations, await checked(access, organizations.egress, _by(who)))
    return reply(_valid(access.provider_type))


@router.get("/providers/{provider_id}", ProviderWire)
async def retrieve_provider(provider_id: ProviderId, who: Caller, db: Db) -> Response:
    """One provider."""
    return reply(shown(await db.read(store.get, who, provider_id)))


@router.patch("/providers/{provider_id}", ProviderWire)
async def update_provider(
    provider_id: ProviderId, who: Caller, db: Db, organizations: Organizations, changes: Changes
) -> Response:
    """Give a provider another key or address; null leaves a field as it is. A new address needs its key with it."""
    before, values = await db.read(store.get, who, provider_id), dict(changes.values)
    if values.get("base_url", before.base_url) != before.base_url:
        if "api_key" not in values:
            raise BadRequest("Send the api_key with a new base_url: a stored key is not shown to another address.")
        values["by_administrator"] = who.is_admin
        await checked(before.model_copy(update=values), organizations.egress, _by(who))
    changed = await db.write(store.change, who, provider_id, values)
    organizations.forget(who)
    return reply(shown(changed))


@router.delete("/providers/{provider_id}", dict[str, str])
async def delete_provider(provider_id: ProviderId, who: Caller, db: Db, organizations: Organizations) -> Response:
    """Remove a provider with its keys; agents on its models need another one before they answer again."""
    await db.write(store.delete, who, provider_id)
    organizations.forget(who)
    return reply({"message": f"Provider {provider_id} is deleted."})


@router.post("/providers/{provider_id}/check", dict[str, str])
async def check_existing_provider(
    provider_id: ProviderId, who: Caller, db: Db, organizations: Organizations
) -> Response:
    """See whether a provider accepts the key that is stored for it."""
    provider = await db.read(store.get, who, provider_id)
    await _listed(organizations, place_of(provider, organizations.egress))
    return reply(_valid(provider.name))


@router.patch("/providers/{provider_id}/refresh", ProviderWire)
async def refresh_provider(provider_id: ProviderId, who: Caller, db: Db, organizations: Organizations) -> Response:
    """Ask a provider for its models again."""
    provider = await db.read(store.get, who, provider_id)
    try:
        return reply(shown(await _sync(who, db, organizations, provider)))
    except ModelError as failed:
        raise _refusal(failed) from failed


async def _sync(who: Who, db: Database, organizations: OrganizationModels, provider: StoredProvider) -> StoredProvider:
    """Keep the list that a provider gives of its models."""
    found = await organizations.server.listed(place_of(provider, organizations.egress))
    synced = await db.write(store.synced, who, provider.id, found)
    organizations.forget(who)
    return synced


async def _listed(organizations: OrganizationModels, place: Configured) -> list[Listed]:
    try:
        return await organizations.server.listed(place)
    except ModelError as failed:
        raise _refusal(failed) from failed


def _refusal(failed: ModelError) -> ModelError | BadRequest:
    """A key that is refused is told as such; everything else is a provider that cannot be used as it was described."""
    return failed if failed.code in OF_THE_KEY else BadRequest(failed.detail)


def _by(who: Who) -> By:
    return "administrator" if who.is_admin else "organization"


def _valid(name: str) -> dict[str, str]:
    return {"message": f"{name} accepts the key."}
