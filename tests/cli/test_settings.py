"""Settings: where values come from, what is refused, and what a variable without effect is told."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import SETTINGS, ConfigError, Settings, load, with_password

VALUES: dict[str, tuple[str, Any]] = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("9000", 9000),
    "data": ("/var/lib/holdfast", Path("/var/lib/holdfast")),
    "pg_uri": ("postgresql://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
    "pg_schema": ("mine", "mine"),
    "pg_pool_size": ("20", 20),
    "redis_url": ("rediss://u:p@h:6380/1", "rediss://u:p@h:6380/1"),
    "redis_host": ("letta-redis", "letta-redis"),
    "recall_memory_mb": ("64", 64),
    "chat_users": ("Apart", "apart"),
    "forget_rewrite_seconds": ("90", 90),
    "redis_port": ("6380", 6380),
    "secure": ("true", True),
    "password": ("open sesame", "open sesame"),
    "encryption_key": ("k", "k"),
    "cors_origins": ("app://obsidian.md, https://a.example/", ("app://obsidian.md", "https://a.example")),
    "allowed_hosts": ("a.example,b.example", ("a.example", "b.example")),
    "allow_private_urls": ("true", True),
    "default_model": ("ollama/qwen3:4b", "ollama/qwen3:4b"),
    "default_embedding": ("ollama/nomic-embed-text", "ollama/nomic-embed-text"),
    "max_context_window": ("32000", 32_000),
    "keepalive_seconds": ("7.5", 7.5),
    "llm_timeout_seconds": ("60", 60.0),
    "tool_timeout_seconds": ("10", 10.0),
    "sandbox": ("Landlock", "landlock"),
    "sandbox_memory_mb": ("1024", 1024),
    "sandbox_scratch_mb": ("10", 10),
    "sandbox_processes": ("64", 64),
    "sandbox_output_kb": ("16", 16),
    "sandbox_warm": ("0", 0),
    "tool_network": ("Tagged", "tagged"),
    "tool_packages": ("true", True),
    "tool_packages_from": ("/srv/wheels", "/srv/wheels"),
    "mcp_timeout_seconds": ("5", 5.0),
    "web_search": ("Exa", "exa"),
    "mcp_stdio": ("true", True),
    "mcp_servers": ('{"servers": {"notes": {"url": "http://h/mcp"}}}', {"notes": {"url": "http://h/mcp"}}),
    "mcp_servers_file": ("/etc/mcp.json", Path("/etc/mcp.json")),
    "max_body_mb": ("8", 8),
    "no_default_actor": ("yes", True),
    "drain_seconds": ("0", 0),
    "small_model_mode": ("Off", "off"),
    "approval_hours": ("12", 12.0),
    "session_idle_hours": ("2.5", 2.5),
    "log_file": ("/var/log/holdfast.log", Path("/var/log/holdfast.log")),
    "log_level": ("WARNING", "warning"),
    "debug": ("on", True),
}
NAMES = [(setting.name, variable) for setting in SETTINGS for variable in setting.variables]


@pytest.mark.parametrize(("name", "variable"), NAMES)
def test_every_variable_sets_its_setting(name: str, variable: str) -> None:
    text, value = VALUES[name]
    settings = load({variable: text}, {})
    assert getattr(settings, name) == value
    assert settings.origins[name] == variable


def test_a_redis_is_named_by_its_url_or_by_its_host() -> None:
    settings = load({"LETTA_REDIS_HOST": "cache", "LETTA_REDIS_PORT": "7000"}, {})
    assert settings.redis_url == "redis://cache:7000"
    assert settings.origins["redis_url"] == "LETTA_REDIS_HOST and its port"
    assert load({"LETTA_REDIS_HOST": "cache", "HOLDFAST_REDIS_URL": "redis://other"}, {}).redis_url == "redis://other"
    with pytest.raises(ConfigError, match="rediss://") as refused:
        load({"HOLDFAST_REDIS_URL": "http://:secret@cache"}, {})
    assert "secret" not in str(refused.value)
    assert "pw" not in repr(load({"HOLDFAST_REDIS_URL": "redis://:pw@cache"}, {}))


def test_what_is_not_set_has_its_default() -> None:
    settings = load({"HOME": "/home/somebody"}, {})
    assert (settings.host, settings.port) == ("127.0.0.1", 8283)
    assert settings.data == Path("/home/somebody/.holdfast")
    assert set(settings.origins.values()) == {"default"}
    assert settings.warnings == ()


def test_a_flag_wins_over_variables_and_our_name_over_the_others() -> None:
    environment = {"LETTA_SERVER_PORT": "1", "HOLDFAST_PORT": "2"}
    settings = load(environment, {})
    assert (settings.port, settings.origins["port"]) == (2, "HOLDFAST_PORT")
    assert settings.warnings == ("LETTA_SERVER_PORT differs from HOLDFAST_PORT, which wins.",)
    settings = load(environment, {"port": 3, "debug": None})
    assert (settings.port, settings.origins["port"]) == (3, "--port")
    assert settings.origins["debug"] == "default"


@pytest.mark.parametrize("blank", ["", "  ", "\t", "# later", "   # Leave empty for now, add later", "''", '""'])
def test_blank_is_unset(blank: str) -> None:
    settings = load({"OPENAI_API_KEY": blank, "LETTA_SERVER_PORT": blank, "LETTA_SERVER_PASSWORD": blank}, {})
    assert "OPENAI_API_KEY" not in settings.environment
    assert settings.port == 8283
    assert settings.password is None


def test_a_comment_after_a_value_is_cut_off_with_a_warning() -> None:
    settings = load(
        {"OLLAMA_BASE_URL": "http://host:11434  # Optional: for local models", "HOLDFAST_PORT": "9 # x"}, {}
    )
    assert settings.environment["OLLAMA_BASE_URL"] == "http://host:11434"
    assert settings.port == 9
    assert [warning.split(":")[0] for warning in settings.warnings] == ["OLLAMA_BASE_URL", "HOLDFAST_PORT"]


def test_a_hash_within_a_value_belongs_to_it() -> None:
    settings = load({"LETTA_SERVER_PASSWORD": "pass#word", "PS1": "\\u # "}, {})
    assert settings.password == "pass#word"
    assert settings.environment["PS1"] == "\\u # "
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("LETTA_SERVER_PORT", "eighty", "LETTA_SERVER_PORT: 'eighty' is not a whole number from 1 to 65535."),
        ("HOLDFAST_PORT", "70000", "HOLDFAST_PORT: '70000' is not a whole number from 1 to 65535."),
        ("SECURE", "maybe", "SECURE: 'maybe' is not true or false."),
        ("LETTA_KEEPALIVE_INTERVAL", "0", "LETTA_KEEPALIVE_INTERVAL: '0' is not a number of seconds above 0."),
        ("LETTA_KEEPALIVE_INTERVAL", "nan", "LETTA_KEEPALIVE_INTERVAL: 'nan' is not a number of seconds above 0."),
        ("HOLDFAST_PG_SCHEMA", "My Schema", "HOLDFAST_PG_SCHEMA: 'My Schema' is not a lower-case name of letters"),
        ("HOLDFAST_LOG_LEVEL", "loud", "HOLDFAST_LOG_LEVEL: 'loud' is not debug, info, warning or error."),
        ("HOLDFAST_SANDBOX", "docker", "HOLDFAST_SANDBOX: 'docker' is not auto, bubblewrap, landlock or off."),
        ("ACCEPTABLE_ORIGINS", "example.com", "ACCEPTABLE_ORIGINS: 'example.com' is not origins such as https://"),
    ],
)
def test_a_bad_value_is_named(variable: str, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({variable: text}, {})
    assert str(refused.value).startswith(expected)


def test_secrets_are_shown_nowhere() -> None:
    secret = "5ecret"
    settings = load(
        {
            "LETTA_PG_URI": f"postgresql://u:{secret}@h/d",
            "LETTA_SERVER_PASSWORD": f"{secret} # x",
            "LETTA_ENCRYPTION_KEY": secret,
            "OPENAI_API_KEY": secret,
        },
        {},
    )
    assert secret not in repr(settings)
    assert secret not in " ".join(settings.warnings)
    with pytest.raises(ConfigError) as refused:
        load({"LETTA_PG_URI": f"mysql://u:{secret}@h/d"}, {})
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("LETTA_SERVR_PASSWORD", "LETTA_SERVER_PASSWORD"),
        ("LETTA_CORS_ORIGINS", "LETTA_SERVER_CORS_ORIGINS"),
        ("HOLDFAST_PASWORD", "HOLDFAST_PASSWORD"),
        ("LETTA_PG_URL", "LETTA_PG_URI"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_known_one(variable: str, nearest: str) -> None:
    (warning,) = load({variable: "x"}, {}).warnings
    assert warning.startswith(f"{variable} is not a setting of this server")
    assert f"did you mean {nearest}?" in warning


def test_variables_of_client_programs_are_no_mistake() -> None:
    assert load({"LETTA_BASE_URL": "http://x", "LETTA_API_KEY": "k", "HOLDFAST_URL": "http://x"}, {}).warnings == ()


@pytest.mark.parametrize("text", ['["https://a.example","app://x"]', "https://a.example,app://x"])
def test_origins_may_be_a_json_list(text: str) -> None:
    assert load({"ACCEPTABLE_ORIGINS": text}, {}).cors_origins == ("https://a.example", "app://x")


def test_a_postgres_uri_in_parts_and_in_asyncpg_s_words() -> None:
    parts = {"LETTA_PG_HOST": "db", "LETTA_PG_USER": "me", "LETTA_PG_PASSWORD": "p@ss", "LETTA_PG_DB": "agents"}
    assert load(parts, {}).pg_uri == "postgresql://me:p%40ss@db:5432/agents"
    assert load({**parts, "LETTA_PG_URI": "postgres://x/y"}, {}).pg_uri == "postgres://x/y"
    assert load({"LETTA_PG_URI": "postgresql://x/y?ssl=require"}, {}).pg_uri == "postgresql://x/y?sslmode=require"


def test_other_spellings_of_provider_keys_are_read() -> None:
    settings = load({"GOOGLE_API_KEY": "g", "AZURE_OPENAI_ENDPOINT": "https://a", "AZURE_BASE_URL": "https://b"}, {})
    assert settings.environment["GEMINI_API_KEY"] == "g"
    assert settings.environment["AZURE_BASE_URL"] == "https://b"
    assert settings.warnings == ("GOOGLE_API_KEY is read as GEMINI_API_KEY.",)


ON, OFF, REFUSED = "on", "off", "refused"


@pytest.mark.parametrize(
    ("environment", "has_keys", "expected"),
    [
        ({}, False, OFF),
        ({}, True, OFF),
        ({"LETTA_SERVER_PASSWORD": "p"}, False, ON),
        ({"LETTA_SERVER_PASSWORD": "p", "LETTA_SERVER_SECURE": "false"}, False, OFF),
        ({"LETTA_SERVER_SECURE": "true"}, False, ON),
        ({"HOLDFAST_HOST": "0.0.0.0"}, False, REFUSED),
        ({"HOLDFAST_HOST": "0.0.0.0"}, True, ON),
        ({"HOLDFAST_HOST": "0.0.0.0", "LETTA_SERVER_PASSWORD": "p"}, False, ON),
        ({"HOLDFAST_HOST": "0.0.0.0", "LETTA_SERVER_SECURE": "false"}, False, OFF),
        ({"HOLDFAST_HOST": "0.0.0.0", "LETTA_SERVER_SECURE": "false"}, True, OFF),
        ({"HOLDFAST_HOST": "0.0.0.0", "LETTA_SERVER_SECURE": "true"}, False, ON),
        ({"HOLDFAST_HOST": "192.168.1.4"}, False, REFUSED),
        ({"HOLDFAST_HOST": "server.example"}, False, REFUSED),
        ({"HOLDFAST_HOST": "::"}, False, REFUSED),
        ({"HOLDFAST_HOST": "::1"}, False, OFF),
        ({"HOLDFAST_HOST": "localhost"}, False, OFF),
        ({"HOLDFAST_HOST": "127.0.0.2"}, False, OFF),
    ],
)
def test_who_must_show_a_credential(environment: dict[str, str], has_keys: bool, expected: str) -> None:
    settings = load(environment, {})
    if settings.bind_problem(has_keys):
        assert expected == REFUSED
    else:
        assert expected == (ON if settings.auth_on(has_keys) else OFF)


def test_the_refusal_prints_the_lines_to_add() -> None:
    problem = load({"LETTA_SERVER_HOST": "0.0.0.0"}, {}).bind_problem(has_keys=False) or ""
    for line in (
        "LETTA_SERVER_PASSWORD=",
        "LETTA_SERVER_SECURE=true",
        "LETTA_SERVER_SECURE=false",
        "holdfast keys create",
    ):
        assert line in problem


def test_a_generated_password_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    settings = with_password(Settings(data=tmp_path / "data", secure=True))
    again = with_password(Settings(data=tmp_path / "data", secure=True))
    assert settings.password == again.password
    assert len(settings.password or "") >= 24
    assert settings.password_path.stat().st_mode & 0o777 == 0o600
    assert str(settings.password_path) in settings.origins["password"]
    assert with_password(Settings(data=tmp_path / "other")).password is None
