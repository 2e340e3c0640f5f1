"""The env files of the systems that must run here: each variable has its effect, or a warning names it."""

from pathlib import Path

import pytest

from holdfast.config import SETTINGS, load

ODOO = """
LETTA_PG_URI=postgresql://odoo:odoo@host.docker.internal:5432/letta
OPENAI_API_KEY=your_openai_api_key
OLLAMA_BASE_URL=http://host.docker.internal:11434  # Optional: for local models
"""

THOTH = """
LETTA_SERVER_HOST=0.0.0.0
LETTA_SERVER_PORT=8283
LETTA_SERVER_PASSWORD=letta_dev_password
LETTA_SERVER_CORS_ORIGINS=https://app.letta.com,http://localhost:8283,http://127.0.0.1:8283
LETTA_SERVER_LOG_LEVEL=INFO
LETTA_PG_URI=postgresql://letta:letta_password@letta-postgres:5432/letta
LETTA_PG_POOL_SIZE=20
LETTA_PG_MAX_OVERFLOW=30
LETTA_PG_POOL_TIMEOUT=30
LETTA_PG_POOL_RECYCLE=1800
LETTA_DATA_DIR=/letta/.persist
HOME=/letta
TOOL_EXEC_VENV_NAME=letta-tools
OPENAI_API_KEY=  # Leave empty for now, add later
ANTHROPIC_API_KEY=
GROQ_API_KEY=
TOGETHER_API_KEY=key
GOOGLE_API_KEY=key
AZURE_OPENAI_API_KEY=key
AZURE_OPENAI_ENDPOINT=https://a.example
AZURE_OPENAI_VERSION=2026-01-01
OLLAMA_BASE_URL=http://ollama:11434
VLLM_API_BASE=http://vllm:8000
TEXTGEN_WEBUI_URL=http://textgen:5000
LM_STUDIO_URL=http://lmstudio:1234
OPENAI_EMBEDDING_API_KEY=key
COHERE_API_KEY=key
HUGGINGFACE_API_KEY=key
QDRANT_HOST=qdrant
QDRANT_PORT=6333
QDRANT_API_KEY=key
PINECONE_API_KEY=key
PINECONE_ENVIRONMENT=eu
WEAVIATE_URL=http://weaviate
WEAVIATE_API_KEY=key
LANGSMITH_API_KEY=key
LANGSMITH_PROJECT=p
WANDB_API_KEY=key
WANDB_PROJECT=p
E2B_API_KEY=your_key_here
E2B_SANDBOX_TEMPLATE_ID=your_template_id
"""

TONNY = """
LETTA_BASE_URL=http://localhost:8283
LETTA_API_KEY=your_key
OPENAI_API_KEY=sk-1
"""

CREWAI = """
LETTA_PG_URI=postgresql://postgres.ref:pw@aws-0.pooler.supabase.com:6543/postgres?sslmode=require
LETTA_SERVER_URL=http://localhost:8283
LETTA_API_KEY=your_key
"""

QWEN = """
OLLAMA_URL=http://localhost:11434
LETTA_MODEL=huihui_ai/qwen3-abliterated:4b-v2
"""

READ_BY_PROVIDERS = {
    "OPENAI_API_KEY",
    "OLLAMA_BASE_URL",
    "TOGETHER_API_KEY",
    "VLLM_API_BASE",
    "GEMINI_API_KEY",
    "AZURE_API_KEY",
    "E2B_API_KEY",
    "E2B_SANDBOX_TEMPLATE_ID",
}
READ_ELSEWHERE = {"HOME", "LETTA_BASE_URL", "LETTA_API_KEY", "LETTA_SERVER_URL"}


def _parsed(text: str) -> dict[str, str]:
    """As `docker run --env-file` does it: comments stay in the value."""
    return dict(line.split("=", 1) for line in text.strip().splitlines())


@pytest.mark.parametrize("text", [ODOO, THOTH, TONNY, CREWAI, QWEN], ids=["odoo", "thoth", "tonny", "crewai", "qwen"])
def test_every_variable_has_its_effect_or_a_warning(text: str) -> None:
    environment = _parsed(text)
    settings = load(environment, {})
    known = {variable: setting for setting in SETTINGS for variable in setting.variables}
    for name, value in environment.items():
        if not value.split("#")[0].strip() or name in READ_ELSEWHERE:
            continue
        if name in known:
            assert settings.origins[known[name].name] == name
        elif name in READ_BY_PROVIDERS:
            assert settings.environment[name] == value.split("  #")[0]
        else:
            assert any(name in warning for warning in settings.warnings), name


def test_thoth_gets_what_its_file_says() -> None:
    settings = load(_parsed(THOTH), {})
    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 8283, "info")
    assert settings.auth_on(has_keys=False)
    assert settings.bind_problem(has_keys=False) is None
    assert settings.cors_origins[0] == "https://app.letta.com"
    assert settings.pg_pool_size == 20
    assert settings.data == Path("/letta/.persist")
    assert "OPENAI_API_KEY" not in settings.environment
    assert settings.environment["LMSTUDIO_BASE_URL"] == "http://lmstudio:1234"


def test_supabase_s_uri_is_kept_as_it_is() -> None:
    assert load(_parsed(CREWAI), {}).pg_uri == _parsed(CREWAI)["LETTA_PG_URI"]
