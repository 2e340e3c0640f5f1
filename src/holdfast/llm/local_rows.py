"""The catalog's data of programs that speak OpenAI's protocol and that the user starts."""

from holdfast.llm.row import Dialect, Row

SMALL = 32 * 1024
"""The window assumed while the program has not said how much it has loaded."""

LOCAL: tuple[Row, ...] = (
    Row(
        "lmstudio_openai",
        "lmstudio-chatcompletions",
        key_env="LMSTUDIO_API_KEY",
        url_env=("LMSTUDIO_BASE_URL",),
        aliases=("lmstudio",),
        start="lms server start",
        window=SMALL,
        timeout=1800.0,
        local=True,
        list_path="/api/v0/models",
        dialect=Dialect(parallel_tool_calls=False, logprobs=False),
    ),
    Row(
        "vllm",
        "vllm",
        key_env="VLLM_API_KEY",
        url_env=("VLLM_API_BASE", "VLLM_BASE_URL"),
        name_env="VLLM_HANDLE_BASE",
        start="vllm serve MODEL",
        window=SMALL,
        timeout=1800.0,
        local=True,
        dialect=Dialect(token_ids=True),
    ),
    Row(
        "sglang",
        "openai",
        key_env="SGLANG_API_KEY",
        url_env=("SGLANG_API_BASE", "SGLANG_BASE_URL"),
        start="python -m sglang.launch_server --model-path MODEL",
        window=SMALL,
        timeout=1800.0,
        local=True,
        dialect=Dialect(parallel_tool_calls=False, reasoning_effort=True),
    ),
)
