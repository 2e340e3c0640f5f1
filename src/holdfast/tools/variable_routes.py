"""HTTP of the variables of an organization's tools, in the words of V1: they hang on a sandbox config."""

from typing import Annotated, Any

from fastapi import Body, Response

from holdfast.auth.caller import Caller, Db
from holdfast.errors import BadRequest
from holdfast.kit.entity import Patch
from holdfast.kit.ids import in_path
from holdfast.kit.reply import reply
from holdfast.kit.routes import Router
from holdfast.tools import store, variables
from holdfast.tools.asked import Custom
from holdfast.tools.model import NewSandboxConfig, NewVariable, SandboxConfig, SandboxVariable
from holdfast.tools.packages import Unpacked

router = Router("tools")

ConfigId = Annotated[str, in_path("sandbox")]
VariableId = Annotated[str, in_path("sandbox-env")]
Config = Annotated[dict[str, Any], Body()]


@router.get("/sandbox-config/", list[SandboxConfig])
async def list_sandbox_configs(who: Caller, db: Db) -> Response:
    """What holds the variables of the organization's tools, if there is any."""
    return reply(await db.read(variables.every_config, who))


@router.post("/sandbox-config/", SandboxConfig)
async def create_sandbox_config(who: Caller, db: Db, new: NewSandboxConfig) -> Response:
    """Make it, or keep what is said of it."""
    return reply(await db.write(variables.of_place, who, "local", new.config))


@router.post("/sandbox-config/local", SandboxConfig)
async def create_local_sandbox_config(who: Caller, db: Db, config: Config) -> Response:
    """The same."""
    return reply(await db.write(variables.of_place, who, "local", config))


@router.post("/sandbox-config/local/default", SandboxConfig)
async def default_sandbox_config(who: Caller, db: Db) -> Response:
    """What holds the variables of the organization's tools; made when it is missing."""
    return reply(await db.write(variables.of_place, who, "local"))


@router.post("/sandbox-config/e2b/default", SandboxConfig)
async def default_e2b_sandbox_config(who: Caller, db: Db) -> Response:
    """The same for tools that run at E2B. The variables of both are found by every tool, wherever it runs."""
    return reply(await db.write(variables.of_place, who, "e2b"))


@router.post("/sandbox-config/local/recreate-venv", SandboxConfig)
async def renew_tool_packages(who: Caller, db: Db, custom: Custom) -> Response:
    """Install what the organization's tools need anew, for calls from now on; 400 when something cannot be had."""
    try:
        await custom.renew_packages(await db.read(store.with_requirements, who))
    except Unpacked as failed:
        raise BadRequest(str(failed)) from failed
    return reply(await db.write(variables.of_place, who, "local"))


@router.patch("/sandbox-config/{sandbox_config_id}", SandboxConfig)
async def update_sandbox_config(
    sandbox_config_id: ConfigId, who: Caller, db: Db, changes: Annotated[Patch[NewSandboxConfig], Body()]
) -> Response:
    """Keep what is said of it."""
    return reply(await db.write(variables.change_config, who, sandbox_config_id, changes.values))


@router.delete("/sandbox-config/{sandbox_config_id}", None, status=204)
async def delete_sandbox_config(sandbox_config_id: ConfigId, who: Caller, db: Db) -> Response:
    """Delete it with all its variables."""
    await db.write(variables.delete_config, who, sandbox_config_id)
    return Response(status_code=204)


@router.get("/sandbox-config/{sandbox_config_id}/environment-variable", list[SandboxVariable])
async def list_sandbox_variables(sandbox_config_id: ConfigId, who: Caller, db: Db) -> Response:
    """The variables that every custom tool of the organization finds in its environment."""
    return reply(await db.read(variables.of_config, who, sandbox_config_id))


@router.post("/sandbox-config/{sandbox_config_id}/environment-variable", SandboxVariable)
async def create_sandbox_variable(sandbox_config_id: ConfigId, who: Caller, db: Db, new: NewVariable) -> Response:
    """Add one; an agent's own secret of the same name takes its place."""
    return reply(await db.write(variables.create, who, sandbox_config_id, new))


@router.patch("/sandbox-config/environment-variable/{env_var_id}", SandboxVariable)
async def update_sandbox_variable(
    env_var_id: VariableId, who: Caller, db: Db, changes: Annotated[Patch[NewVariable], Body()]
) -> Response:
    """Change one."""
    return reply(await db.write(variables.change, who, env_var_id, changes.values))


@router.delete("/sandbox-config/environment-variable/{env_var_id}", None, status=204)
async def delete_sandbox_variable(env_var_id: VariableId, who: Caller, db: Db) -> Response:
    """Delete one."""
    await db.write(variables.delete, who, env_var_id)
    return Response(status_code=204)
