"""A stored provider as the model layer sees it, with its address checked."""

from dataclasses import fields, replace
from typing import Any

from holdfast.errors import BadRequest, ModelError
from holdfast.kit.egress import By, Egress, Guard
from holdfast.llm import catalog
from holdfast.llm.catalog import Configured
from holdfast.llm.model import Listed
from holdfast.llm.row import Row
from holdfast.providers.model import ProviderCheck, StoredProvider

_FACTS = frozenset(field.name for field in fields(Listed))


def place_of(provider: StoredProvider, egress: Egress) -> Configured:
    """Where a stored provider is, and what it last said of itself."""
    by: By = "administrator" if provider.by_administrator else "organization"
    return _place(
        provider,
        Guard(egress, by),
        name=provider.name,
        id=provider.id,
        listed=tuple(Listed(**{key: each[key] for key in each.keys() & _FACTS}) for each in provider.listed),
    )


async def checked(access: ProviderCheck, egress: Egress, by: By) -> Configured:
    """Where a provider would be; an address that must not be asked is an error."""
    guard = Guard(egress, by)
    place = _place(access, guard, name=access.provider_type)
    if access.base_url:
        await guard.check(place.base_url)
    return place


def _place(access: ProviderCheck, guard: Guard, **more: Any) -> Configured:
    row = row_of(access)
    given = (access.base_url or "").strip()
    if not given and row.url is None and row.url_env:
        raise BadRequest(f"A provider of the type {access.provider_type!r} needs its base_url.")
    place = Configured(
        provider_type=row.type,
        base_url=row.url or "",
        api_key=access.api_key or None,
        category="byok",
        access_key=access.access_key or None,
        region=access.region or None,
        api_version=access.api_version or None,
        guard=guard if given else None,
        **more,
    )
    return replace(place, base_url=_address(row, place, given))


def _address(row: Row, place: Configured, given: str) -> str:
    """Where it is: what was given, however it was written, else where such providers are, perhaps in a region."""
    if given or not row.region_env:
        return catalog.base_url(row, given or row.url or "", place.api_version)
    try:
        return catalog.regional_url(row, place)
    except ModelError as unknown:
        raise BadRequest(unknown.detail) from unknown


def row_of(access: ProviderCheck) -> Row:
    row = catalog.row_of(access.provider_type)
    if row is None:
        raise BadRequest(
            f"Providers of the type {access.provider_type!r} cannot be added: the hosted service is retired."
        )
    return row
