"""A provider in V1's JSON, which never shows a key."""

from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from holdfast.providers.model import StoredProvider


class ProviderWire(TypedDict):
    id: str
    name: str
    provider_type: str
    provider_category: Literal["byok"]
    api_key: None
    base_url: str | None
    access_key: None
    region: str | None
    api_version: str | None
    updated_at: datetime
    last_synced: datetime | None
    api_key_enc: None
    access_key_enc: None


def shown(provider: StoredProvider) -> ProviderWire:
    return {
        "id": provider.id,
        "name": provider.name,
        "provider_type": provider.provider_type,
        "provider_category": "byok",
        "api_key": None,
        "base_url": provider.base_url,
        "access_key": None,
        "region": provider.region,
        "api_version": provider.api_version,
        "updated_at": provider.updated_at,
        "last_synced": provider.last_synced,
        "api_key_enc": None,
        "access_key_enc": None,
    }
