"""Names of variables that people write: other spellings of ours, and those that have no effect here."""

ALIASES = {
    "GOOGLE_API_KEY": "GEMINI_API_KEY",
    "AZURE_OPENAI_API_KEY": "AZURE_API_KEY",
    "AZURE_OPENAI_ENDPOINT": "AZURE_BASE_URL",
    "AZURE_OPENAI_VERSION": "AZURE_API_VERSION",
    "LM_STUDIO_URL": "LMSTUDIO_BASE_URL",
    "LM_STUDIO_BASE_URL": "LMSTUDIO_BASE_URL",
    "OLLAMA_URL": "OLLAMA_BASE_URL",
}
"""Spellings found in env files for the retired server -> the name that providers read."""

CLIENT = frozenset(("LETTA_BASE_URL", "LETTA_API_KEY", "HOLDFAST_URL", "HOLDFAST_API_KEY", "LETTA_SERVER_URL"))
"""What client programs read; on the server's side they are no mistake."""

POSTGRES_PARTS = {
    "LETTA_PG_HOST": "localhost",
    "LETTA_PG_PORT": "5432",
    "LETTA_PG_USER": "letta",
    "LETTA_PG_PASSWORD": "",
    "LETTA_PG_DB": "letta",
}
"""The retired server's other way to name its PostgreSQL, with the values for the parts left out."""

WITHOUT_EFFECT = {
    "the pool of database connections only has a size here (HOLDFAST_PG_POOL_SIZE)": (
        "LETTA_PG_MAX_OVERFLOW",
        "LETTA_PG_POOL_TIMEOUT",
        "LETTA_PG_POOL_RECYCLE",
        "LETTA_PG_POOL_PRE_PING",
        "LETTA_PG_POOL_USE_LIFO",
        "LETTA_PG_ECHO",
        "LETTA_DISABLE_SQLALCHEMY_POOLING",
    ),
    "one process serves everything": ("LETTA_UVICORN_WORKERS", "LETTA_UVICORN_RELOAD"),
    "nothing is reported to anybody": (
        "LETTA_ENVIRONMENT",
        "LETTA_TELEMETRY_ENABLED",
        "LETTA_DISABLE_TRACING",
        "LETTA_OTEL_EXPORTER_OTLP_ENDPOINT",
        "LANGSMITH_API_KEY",
        "LANGSMITH_PROJECT",
        "WANDB_API_KEY",
        "WANDB_PROJECT",
    ),
    "custom tools run in their own sandbox": ("TOOL_EXEC_DIR", "TOOL_EXEC_VENV_NAME", "LETTA_TOOL_EXEC_DIR"),
    "vectors are kept in the server's own database": (
        "QDRANT_HOST",
        "QDRANT_PORT",
        "QDRANT_API_KEY",
        "PINECONE_API_KEY",
        "PINECONE_ENVIRONMENT",
        "WEAVIATE_URL",
        "WEAVIATE_API_KEY",
        "LETTA_PINECONE_API_KEY",
        "LETTA_TPUF_API_KEY",
    ),
    "MCP servers are registered over the API (POST /v1/mcp-servers/)": (
        "LETTA_MCP_READ_FROM_CONFIG",
        "LETTA_MCP_DISABLE_STDIO",
    ),
    "this server has no provider of that kind; use one that speaks the OpenAI protocol (OPENAI_API_BASE)": (
        "TEXTGEN_WEBUI_URL",
        "COHERE_API_KEY",
        "HUGGINGFACE_API_KEY",
        "OPENAI_EMBEDDING_API_KEY",
    ),
    "only the Qwen service reads it": ("LETTA_MODEL",),
}
"""Reason -> variables that the retired server or its users' env files set, and that change nothing here."""
