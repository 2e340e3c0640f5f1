"""The tools with which an agent runs programs that it writes, apart from everything else (CONTRACT §6.3)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from holdfast.sandbox.model import Language, Outcome, Program
from holdfast.tools.builtin.context import LookContext
from holdfast.tools.builtin.tool import ToolError, tool

LANGUAGES: Mapping[str, Language] = {"python": "python", "js": "javascript", "ts": "typescript"}
WITH_TOOLS_S = 300.0
"""How long a program may take that waits for tools."""


@tool("letta_builtin", reaches_out=True)
async def run_code(ctx: LookContext, code: str, language: Literal["python", "js", "ts", "r", "java"]) -> str:
    """Run a program in a sandbox and return what it prints. It has no network, and nothing of it stays.

    Args:
        code: The program. It must print what you want to know.
        language: Its language: "python", "js" or "ts".
    """
    known = LANGUAGES.get(language)
    if known is None:
        raise ToolError(f"This server runs no programs in {language}; write it in {', '.join(LANGUAGES)}.")
    return _printed(await ctx.outside.sandbox.run(Program(_checked(code), known)))


@tool("letta_builtin", reaches_out=True)
async def run_code_with_tools(ctx: LookContext, code: str) -> str:
    """Run a Python program in a sandbox, in which your other tools are functions, and return what it prints.

    Args:
        code: The program. A tool is called by its name with its arguments, such as
            conversation_search(query="boats"), and returns what it returns to you, lists and objects as such.
            What goes wrong with one is an exception.
    """
    program = Program(_checked(code), time_limit_s=WITH_TOOLS_S)
    if ctx.own is None:
        return _printed(await ctx.outside.sandbox.run(program))
    return _printed(await ctx.outside.sandbox.run(replace(program, functions=ctx.own.functions), ctx.own.call))


def _checked(code: str) -> str:
    if not code.strip():
        raise ToolError("`code` is empty; write the program that is to be run.")
    return code


def _printed(outcome: Outcome) -> str:
    """What a program printed; one that failed says how far it came."""
    printed = outcome.stdout.rstrip("\n")
    if outcome.stderr.strip():
        printed = f"{printed}\n\nOn stderr:\n{outcome.stderr.rstrip()}".lstrip("\n")
    if outcome.status == "error":
        before = f"\n\nIt printed before:\n{printed}" if printed else ""
        raise ToolError(f"{outcome.error}{before}")
    return printed or "The program printed nothing."
