"""Every noun's router: a new one is one line here."""

from holdfast.agentfile import routes as agent_files
from holdfast.agents import (
    archive_routes,
    file_routes,
    folder_routes,
    identity_routes,
    mcp_routes,
    memory_routes,
    messages_routes,
    tools_routes,
    undo_routes,
)
from holdfast.agents import routes as agents
from holdfast.archives import passage_routes
from holdfast.archives import routes as archives
from holdfast.audit import routes as audit
from holdfast.auth import admin_routes
from holdfast.auth import routes as keys
from holdfast.blocks import history_routes
from holdfast.blocks import routes as blocks
from holdfast.conversations import routes as conversations
from holdfast.facades.agents_api import alias_routes, session_routes
from holdfast.facades.agents_api import routes as api_agents
from holdfast.facades.mcp import routes as mcp_server
from holdfast.facades.metrics import routes as metrics
from holdfast.facades.ollama import routes as ollama
from holdfast.facades.openai import routes as openai
from holdfast.files import routes as folders
from holdfast.files import source_routes
from holdfast.forget import routes as forget
from holdfast.health import routes as health
from holdfast.identities import routes as identities
from holdfast.jobs import batch_routes
from holdfast.jobs import routes as jobs
from holdfast.kit.routes import Router
from holdfast.mcp import name_routes as named_mcp_servers
from holdfast.mcp import routes as mcp_servers
from holdfast.messages import routes as messages
from holdfast.providers import model_routes
from holdfast.providers import routes as providers
from holdfast.recall import passage_routes as passage_search
from holdfast.recall import progress_routes, tool_routes
from holdfast.recall import routes as message_search
from holdfast.runs import routes as runs
from holdfast.steps import routes as steps
from holdfast.steps import run_routes
from holdfast.tools import routes as tools
from holdfast.tools import run_routes as tool_runs
from holdfast.tools import variable_routes
from holdfast.turns import background_routes, compact_routes, generate
from holdfast.turns import routes as turns
from holdfast.web import routes as web

ROUTERS: tuple[Router, ...] = (
    admin_routes.router,
    agent_files.router,
    agents.router,
    alias_routes.router,
    api_agents.router,
    archive_routes.router,
    archives.router,
    audit.router,
    background_routes.router,
    batch_routes.router,
    blocks.router,
    compact_routes.router,
    conversations.router,
    forget.router,
    file_routes.router,
    folder_routes.router,
    folders.router,
    generate.router,
    history_routes.router,
    health.router,
    health.root,
    identities.router,
    identity_routes.router,
    jobs.router,
    keys.router,
    mcp_routes.router,
    mcp_server.router,
    mcp_servers.router,
    memory_routes.router,
    messages.router,
    messages_routes.router,
    named_mcp_servers.router,
    ollama.router,
    openai.router,
    model_routes.router,
    passage_routes.router,
    providers.router,
    message_search.router,
    metrics.router,
    passage_search.router,
    progress_routes.router,
    run_routes.router,
    runs.router,
    session_routes.router,
    source_routes.router,
    steps.router,
    tool_routes.router,
    tool_runs.router,
    tools.router,
    tools_routes.router,
    turns.router,
    undo_routes.router,
    variable_routes.router,
    web.router,
)
