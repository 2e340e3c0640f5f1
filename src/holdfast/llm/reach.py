"""How a provider is reached: its address, its headers, its patience, and the protocol that it speaks."""

from dataclasses import dataclass, field

from holdfast.errors import ModelError
from holdfast.llm.catalog import Configured
from holdfast.llm.client import ModelClient
from holdfast.llm.failures import Target
from holdfast.llm.model import Provider
from holdfast.llm.row import Row
from holdfast.llm.wires import WIRES


@dataclass(frozen=True, slots=True)
class Reach:
    """Makes what serves a provider's models, all of them over the same connections."""

    timeout: float | None = None
    client: ModelClient = field(default_factory=ModelClient)

    def provider(self, place: Configured, row: Row, timeout: float | None = None) -> Provider:
        """What serves a provider's models, or an error when its protocol is not spoken."""
        if not row.spoken:
            raise ModelError("llm_bad_request", f"{place.name} cannot be used here yet. {row.missing}")
        return WIRES[row.wire](self.client, place, row, self.target(place, row, timeout))

    def target(self, place: Configured, row: Row, timeout: float | None = None) -> Target:
        headers = dict(row.headers)
        if place.api_key:
            bearer = row.key_header == "authorization"
            headers[row.key_header] = f"Bearer {place.api_key}" if bearer else place.api_key
        own = place.category == "base"
        return Target(
            provider=place.name,
            base_url=place.base_url,
            headers=headers,
            timeout=timeout or place.timeout or self.timeout or row.timeout,
            key_env=row.key_env if own else None,
            url_env=row.url_env[0] if row.url_env and own else None,
            local=row.local,
            stored_as=place.id,
            guard=place.guard,
        )
