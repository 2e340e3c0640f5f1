"""What a client chose for an agent's models, in either generation's words, as the columns of an agent."""

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.agents.model import Agent, Choices, CreateAgent
from holdfast.errors import BadRequest
from holdfast.llm import chosen
from holdfast.llm.model import ModelCard
from holdfast.llm.models import Models
from holdfast.llm.settings import CompactionSettings, LLMConfig, ModelSettings
from holdfast.tools.rules import ToolRule

NAMING = frozenset(
    ("model", "handle", "display_name", "provider_name", "provider_category", "model_endpoint", "model_endpoint_type")
)
"""Fields of llm_config that say which model is meant; the model card says them better."""

TWINS = {"max_output_tokens": "max_tokens"} | {
    name: name for name in ("temperature", "parallel_tool_calls", "verbosity", "effort", "strict", "response_format")
}
"""What model_settings and llm_config both say: the name in the one, and in the other."""

STRUCTURED = "gpt-4o"
"""How the names of the models begin that may have several run_first rules."""

LIGHT_MODELS = {
    "anthropic": "anthropic/claude-haiku-4-5",
    "openai": "openai/gpt-5-mini",
    "google_ai": "google_ai/gemini-2.5-flash",
}
"""What summarises when nobody chose: the provider's light model (CONTRACT §6.6)."""

SUMMARY_PROMPTS = {
    "all": "Summarise the conversation so far for the assistant who will continue it without seeing it. Keep names, "
    "facts, decisions, open tasks and promises; leave out small talk.",
    "sliding_window": "Summarise the older part of the conversation for the assistant who will continue it and still "
    "sees the newest part. Keep names, facts, decisions, open tasks and promises; leave out small talk.",
    "self_compact_all": "Write down what you need to go on with this conversation without seeing it: names, facts, "
    "decisions, open tasks, promises. Answer with the notes alone.",
    "self_compact_sliding_window": "Write down what you need of the older part of this conversation, which you will "
    "not see any more: names, facts, decisions, open tasks, promises. Answer with the notes alone.",
}


def handle_of(choices: Choices) -> str | None:
    """The model that was named, by handle or by an llm_config."""
    config = choices.llm_config
    if choices.model or config is None:
        return choices.model
    if config.handle:
        return config.handle
    if config.model and "/" not in config.model and config.provider_name:
        return f"{config.provider_name}/{config.model}"
    return config.model


def _named(models: Models, choices: Choices) -> str | None:
    handle = handle_of(choices)
    if handle is None or choices.model or choices.llm_config is None:
        return handle
    return models.meant(handle, choices.llm_config.model_endpoint_type)


def columns(models: Models, choices: Choices, before: Agent | None = None) -> dict[str, Any]:
    """The columns that the choices set; with `before`, what was chosen earlier and still fits stays."""
    values: dict[str, Any] = {}
    llm = dict(before.llm) if before else {}
    named = _named(models, choices)
    if named:
        values["model"] = models.chosen(named)
        if before is not None and values["model"] != before.model:
            llm.pop("context_window", None)
    llm |= _overrides(choices)
    if "max_tokens" in choices.model_fields_set and choices.max_tokens is None:
        llm.pop("max_tokens", None)
    _check_reasoning(llm)
    if before is None or llm != before.llm:
        values["llm"] = llm
    settings = {**((before and before.model_settings) or {}), **_sent_settings(choices)}
    if settings:
        values["model_settings"] = _agreeing(settings, llm)
    if choices.response_format is not None:
        values["response_format"] = choices.response_format.model_dump()
    handle = choices.embedding or choices.embedding_model
    values |= chosen.embedding(models, handle, choices.embedding_config, _chunk_size(choices))
    if choices.compaction_settings is not None:
        card = models.card(values.get("model", before.model if before else None))
        values["compaction_settings"] = compaction(choices.compaction_settings, card, before)
    return values


def check_rules(models: Models, handle: str | None, rules: Sequence[ToolRule]) -> None:
    """Several first tools need a model that keeps to a schema (CONTRACT §4.3)."""
    first = [rule.tool_name for rule in rules if rule.type == "run_first"]
    if len(first) < 2:
        return
    name = models.card(handle).name
    if not name.startswith(STRUCTURED):
        raise BadRequest(
            f"More than one run_first rule ({', '.join(first)}) needs a model with structured output, "
            f"{STRUCTURED} or {STRUCTURED}-mini, and this one is {name}; keep one of the rules, or change the model."
        )


def _overrides(choices: Choices) -> dict[str, Any]:
    """The fields of llm_config that were chosen, from all the places where they can be."""
    found = _chosen(choices.llm_config) | _from_settings(_sent_settings(choices))
    reasoner = choices.reasoning
    if isinstance(choices, CreateAgent):
        if reasoner is None and "enable_reasoner" in choices.model_fields_set:
            reasoner = choices.enable_reasoner
        found |= _set(max_reasoning_tokens=choices.max_reasoning_tokens)
    return found | _set(
        context_window=choices.context_window_limit,
        max_tokens=choices.max_tokens,
        parallel_tool_calls=choices.parallel_tool_calls,
        enable_reasoner=reasoner,
    )


def _chunk_size(choices: Choices) -> int | None:
    """How long the pieces are to be that are embedded, if a create says it; its default is the model's."""
    if not isinstance(choices, CreateAgent) or "embedding_chunk_size" not in choices.model_fields_set:
        return None
    return choices.embedding_chunk_size


def _sent_settings(choices: Choices) -> dict[str, Any]:
    """The model settings that the client wrote, without our defaults."""
    settings = choices.model_settings
    if settings is None:
        return {}
    sent = settings.model_dump(exclude_unset=True, exclude_none=True)
    return {name: value for name, value in sent.items() if not _only_shown(name, settings, choices.llm_config)}


def _only_shown(name: str, settings: ModelSettings, config: LLMConfig | None) -> bool:
    """A default that nobody chose, in a saved agent that is sent back: what counts stands in its llm_config."""
    twin = "reasoning_effort" if name == "reasoning" else TWINS.get(name)
    if config is None or twin not in config.model_fields_set:
        return False
    return getattr(settings, name) == type(settings).model_fields[name].get_default()


def _chosen(config: LLMConfig | None) -> dict[str, Any]:
    if config is None:
        return {}
    sent = config.model_dump(exclude_none=True, exclude_unset=True)
    return {name: value for name, value in sent.items() if name not in NAMING}


def _from_settings(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a provider in the words of llm_config."""
    found = {twin: sent[name] for name, twin in TWINS.items() if name in sent}
    if "reasoning" in sent:
        found |= sent["reasoning"]
    return found


def _agreeing(settings: dict[str, Any], llm: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with what llm_config says as well being the same in both."""
    differing = {name for name, twin in TWINS.items() if name in settings and twin not in llm}
    kept = {name: value for name, value in settings.items() if name not in differing}
    kept |= {name: llm[twin] for name, twin in TWINS.items() if name in kept}
    if "reasoning" in kept:
        kept["reasoning"] = {name: llm.get(name, value) for name, value in kept["reasoning"].items()}
    return kept


def _set(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _check_reasoning(llm: Mapping[str, Any]) -> None:
    most, thinking = llm.get("max_tokens"), llm.get("max_reasoning_tokens")
    if most is not None and thinking is not None and thinking >= most:
        raise BadRequest(f"max_reasoning_tokens ({thinking}) must be below max_tokens ({most}).")


def compaction(sent: CompactionSettings, card: ModelCard, before: Agent | None = None) -> dict[str, Any]:
    """Settings field by field over what was there; a new mode brings its own prompt (CONTRACT §6.6)."""
    there = (before and before.compaction_settings) or {}
    chosen = sent.model_dump(exclude_unset=True)
    merged: dict[str, Any] = CompactionSettings.model_validate({**there, **chosen}).model_dump()
    if "prompt" not in chosen and merged["mode"] != there.get("mode"):
        merged["prompt"] = None
    merged["prompt"] = merged["prompt"] or SUMMARY_PROMPTS[merged["mode"]]
    light = LIGHT_MODELS.get(card.provider_type, "")
    merged["model"] = merged["model"] or (light if light.startswith(f"{card.provider}/") else card.handle)
    return merged
