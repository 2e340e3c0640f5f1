"""Which sandbox a server has: E2B's machines when it has a key of theirs, else the best that works here."""

from collections.abc import Mapping

from holdfast.sandbox.e2b import E2B, TEMPLATE, Account
from holdfast.sandbox.model import Limits, Sandbox
from holdfast.sandbox.programs import Programs


def chosen(choice: str, environment: Mapping[str, str], limits: Limits | None = None) -> Sandbox:
    """`choice` is a level that must be had, or `auto`."""
    limits = limits or Limits()
    local = Programs(choice, limits)
    key = environment.get("E2B_API_KEY")
    return local if choice != "auto" or not key else E2B(_account(key, environment), limits, local)


def _account(key: str, environment: Mapping[str, str]) -> Account:
    domain = environment.get("E2B_DOMAIN") or "e2b.app"
    return Account(
        key,
        environment.get("E2B_SANDBOX_TEMPLATE_ID") or TEMPLATE,
        (environment.get("E2B_API_URL") or f"https://api.{domain}").rstrip("/"),
        (environment.get("E2B_SANDBOX_URL") or "").rstrip("/") or None,
        domain,
    )
