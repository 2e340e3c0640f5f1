"""The models of each organization: the server's and those of its own providers, read once and kept."""

import time
from functools import partial

from holdfast.auth.model import Who
from holdfast.errors import AppError
from holdfast.kit.egress import Egress
from holdfast.llm.catalog import Configured
from holdfast.llm.models import Models
from holdfast.providers import store
from holdfast.providers.model import StoredProvider
from holdfast.providers.places import place_of
from holdfast.store.database import Database

TRUSTED_S = 5.0
"""How late a change may be seen by another process; on SQLite there is none. A missing provider is looked for again."""

MOST = 10_000


class OrganizationModels:
    """What `Models` is for the server, for each organization. Changes through here are seen at once."""

    def __init__(self, db: Database, models: Models, egress: Egress) -> None:
        self.server = models
        self.egress = egress
        self._db = db
        self._known: dict[str, tuple[Models, float]] = {}
        self._changes = 0

    async def of(self, who: Who) -> Models:
        """The models that an organization can use."""
        known = self._known.get(who.organization_id)
        if known is not None and (self._db.is_sqlite or known[1] > time.monotonic()):
            return known[0]
        changes = self._changes
        places = self._places(await self._db.read(store.every, who))
        models = self.server.joined(places, missed=partial(self._known.pop, who.organization_id, None))
        if changes == self._changes:
            self._keep(who, models)
        return models

    def forget(self, who: Who) -> None:
        """The organization's providers have changed."""
        self._changes += 1
        self._known.pop(who.organization_id, None)

    def _keep(self, who: Who, models: Models) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[who.organization_id] = models, time.monotonic() + TRUSTED_S

    def _places(self, providers: list[StoredProvider]) -> list[Configured]:
        return [place for provider in providers if (place := self._place(provider))]

    def _place(self, provider: StoredProvider) -> Configured | None:
        """Where a provider is; one that a newer server has stored, of a type that is unknown here, is left out."""
        try:
            return place_of(provider, self.egress)
        except AppError:
            return None
