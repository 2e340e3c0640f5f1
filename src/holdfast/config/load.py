"""Reading the settings: the only place that knows what a variable's text means."""

import difflib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast.config.model import SETTINGS, Setting, Settings
from holdfast.config.names import ALIASES, CLIENT, POSTGRES_PARTS, WITHOUT_EFFECT

COMMENT = re.compile(r"(?:^|\s)\s*#\s.*$", re.DOTALL)
OURS = re.compile(r"^(HOLDFAST_|LETTA_)|_(API_KEY|BASE_URL|API_BASE|HANDLE_BASE|API_VERSION|ENDPOINT|TEMPLATE_ID)$")
QUOTES = ("'", '"')
KNOWN = {name for setting in SETTINGS for name in setting.variables}
IDLE = {name for names in WITHOUT_EFFECT.values() for name in names}


class ConfigError(Exception):
    """A setting that cannot be meant as it stands; the message names it, its value and the expected form."""


def load(environment: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """The settings; flags win over variables, `HOLDFAST_*` over the other names, and what is blank is unset."""
    warnings = list[str]()
    clean = _cleaned(environment, warnings)
    values, origins = dict[str, Any](), dict[str, str]()
    for setting in SETTINGS:
        values[setting.name], origins[setting.name] = _value(setting, clean, flags, warnings)
    if values["pg_uri"] is None and "LETTA_PG_HOST" in clean:
        values["pg_uri"], origins["pg_uri"] = _uri_of_parts(clean), "LETTA_PG_HOST and its parts"
    if values["redis_url"] is None and values["redis_host"] is not None:
        values["redis_url"] = f"redis://{values['redis_host']}:{values['redis_port']}"
        origins["redis_url"] = f"{origins['redis_host']} and its port"
    for name in ("data", "mcp_servers_file"):
        values[name] = _expanded(values[name], clean)
    warnings += _unknown(clean)
    warnings += _without_effect(clean)
    return Settings(**values, environment=_with_aliases(clean, warnings), origins=origins, warnings=tuple(warnings))


def with_password(settings: Settings) -> Settings:
    """When a password is asked for and none is given: the generated one, kept in a file that only its owner reads."""
    if not settings.secure or settings.password:
        return settings
    path = settings.password_path
    try:
        password = _kept_password(path)
    except OSError as failed:
        raise ConfigError(
            f"No password can be kept in {path} ({failed.strerror}); set LETTA_SERVER_PASSWORD."
        ) from failed
    if not password:
        raise ConfigError(f"The password file {path} is empty; delete it, or set LETTA_SERVER_PASSWORD.")
    return replace(settings, password=password, origins={**settings.origins, "password": f"generated, in {path}"})


def _kept_password(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def _cleaned(environment: Mapping[str, str], warnings: list[str]) -> dict[str, str]:
    """Without blanks; what matters here also without the comments and quotes that some env files leave."""
    known = KNOWN | ALIASES.keys() | IDLE
    clean = dict[str, str]()
    for name, text in environment.items():
        value = text
        if name in known or OURS.search(name):
            value = COMMENT.sub("", text).strip()
            if value != text.strip():
                warnings.append(f"{name}: the comment after its value is not part of it and was left out.")
            if len(value) > 1 and value[0] in QUOTES and value[-1] == value[0]:
                value = value[1:-1].strip()
        if value.strip():
            clean[name] = value
    return clean


def _value(
    setting: Setting, clean: Mapping[str, str], flags: Mapping[str, object], warnings: list[str]
) -> tuple[Any, str]:
    flag = flags.get(setting.name)
    if flag is not None:
        label = f"--{setting.name.replace('_', '-')}"
        return (_parsed(setting, label, flag) if isinstance(flag, str) else flag), label
    present = [name for name in setting.variables if name in clean]
    if not present:
        return setting.default, "default"
    first, *others = present
    warnings += [f"{name} differs from {first}, which wins." for name in others if clean[name] != clean[first]]
    if setting.idle:
        warnings.append(f"{first} has no effect: {setting.idle}.")
    return _parsed(setting, first, clean[first]), first


def _parsed(setting: Setting, name: str, text: str) -> Any:
    try:
        return setting.form.parse(text)
    except (ValueError, KeyError, RecursionError) as wrong:
        shown = "its value" if setting.secret else f"{text!r}"
        raise ConfigError(f"{name}: {shown} is not {setting.form.expected}.") from wrong


def _uri_of_parts(clean: Mapping[str, str]) -> str:
    host, port, user, password, database = (clean.get(name, other) for name, other in POSTGRES_PARTS.items())
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql://{login}@{host}:{port}/{quote(database, safe='')}"


def _expanded(path: Path, clean: Mapping[str, str]) -> Path:
    """`~` is the HOME of the environment that was given, wherever that came from."""
    if path.parts[:1] == ("~",):
        return Path(clean.get("HOME") or Path.home()).joinpath(*path.parts[1:])
    return path.absolute()


def _with_aliases(clean: dict[str, str], warnings: list[str]) -> dict[str, str]:
    for name, meant in ALIASES.items():
        if name in clean and meant not in clean:
            clean[meant] = clean[name]
            warnings.append(f"{name} is read as {meant}.")
    return clean


def _unknown(clean: Mapping[str, str]) -> Iterator[str]:
    """Variables with our prefixes that nothing reads, each with the nearest name that something does."""
    known = KNOWN | CLIENT | POSTGRES_PARTS.keys()
    for name in sorted(clean):
        if not name.startswith(("LETTA_", "HOLDFAST_")) or name in known | IDLE:
            continue
        nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
        hint = f"did you mean {nearest[0]}?" if nearest else "`holdfast config explain` lists the known ones."
        yield f"{name} is not a setting of this server and has no effect; {hint}"


def _without_effect(clean: Mapping[str, str]) -> Iterator[str]:
    for reason, names in WITHOUT_EFFECT.items():
        present = [name for name in names if name in clean]
        if present:
            yield f"No effect of {', '.join(present)}: {reason}."
