"""Every noun's router: a new one is one line here."""

from holdfast.agents import identity_routes, memory_routes
from holdfast.agents import routes as agents
from holdfast.auth import admin_routes
from holdfast.auth import routes as keys
from holdfast.blocks import routes as blocks
from holdfast.health import routes as health
from holdfast.identities import routes as identities
from holdfast.kit.routes import Router
from holdfast.providers import routes as providers

ROUTERS: tuple[Router, ...] = (
    admin_routes.router,
    agents.router,
    blocks.router,
    health.router,
    health.root,
    identities.router,
    identity_routes.router,
    keys.router,
    memory_routes.router,
    providers.router,
)
