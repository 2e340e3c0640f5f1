"""Our messages, tools and settings as Gemini wants them; its own service and Vertex take the same."""

import re
from collections.abc import Iterator

from holdfast.llm import gemini_schema, parts
from holdfast.llm.model import Call, ModelCard, ToolSchema
from holdfast.llm.reading import Json, object_of
from holdfast.messages.model import ImagePart, Message, Part, TextPart, ToolCallPart, ToolReturnPart

_BEFORE_LEVELS = re.compile(r"gemini-[12]\b|gemini-(1|2)[.-]|gemma|learnlm")
"""Models that think by a number of tokens, and want no signature on calls that they did not make."""
UNSIGNED = "skip_thought_signature_validator"
"""Google's own word for a call that has no signature, because another model or an import made it."""
EMPTY = {"text": ""}
"""Refused, unless it stands for a signature of the model's own."""
OPENING = "[The conversation begins.]"
LEVELS = {"none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM"}
BUDGETS = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}
LEAST_BUDGET = 128
"""What models that cannot be kept from thinking take at least."""


def body(call: Call, card: ModelCard) -> Json:
    """The whole request."""
    told = "\n\n".join(message.text for message in call.messages if message.role == "system")
    sent: Json = {"contents": contents(call, card), "generationConfig": _generation(call, card)}
    if told:
        sent["systemInstruction"] = {"parts": [{"text": told}]}
    if call.tools and card.tools:
        sent["tools"] = [{"functionDeclarations": [_declaration(schema) for schema in call.tools]}]
        sent["toolConfig"] = {"functionCallingConfig": _choice(call)}
    return sent


def contents(call: Call, card: ModelCard) -> list[Json]:
    """The conversation: user and model take turns, and the user begins."""
    found: list[Json] = []
    for message in call.messages:
        role = "model" if message.role == "assistant" or message.calls else "user"
        wire = list(_parts(message, call, card))
        if not wire:
            continue
        if found and found[-1]["role"] == role:
            found[-1]["parts"] += wire
        else:
            found.append({"role": role, "parts": wire})
    if found and found[0]["role"] == "model":
        found.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
    return found


def has_levels(name: str) -> bool:
    """Whether a model is told how hard to think by a word rather than by a number."""
    return _BEFORE_LEVELS.search(name) is None


def _parts(message: Message, call: Call, card: ModelCard) -> Iterator[Json]:
    """What one message holds. Thoughts are not sent back: their signatures stand at what followed them."""
    if message.role == "system":
        return
    own = message.model == call.model
    is_first_call = True
    for part in message.content:
        wire = _part(part, card)
        if wire is None:
            continue
        signature = part.signature if own and isinstance(part, TextPart | ToolCallPart) else None
        if isinstance(part, ToolCallPart):
            if not signature and is_first_call and has_levels(call.model):
                signature = UNSIGNED
            is_first_call = False
        if signature:
            yield {**wire, "thoughtSignature": signature}
        elif wire != EMPTY:
            yield wire


def _part(part: Part, card: ModelCard) -> Json | None:
    match part:
        case TextPart() if part.text or part.signature:
            return {"text": part.text}
        case ImagePart():
            shown = parts.image(part) if card.images else None
            if shown is None:
                return {"text": parts.unseen(part, card.name)}
            return {"inlineData": {"mimeType": shown.media_type, "data": shown.data}}
        case ToolCallPart():
            return {"functionCall": {"id": part.id, "name": part.name, "args": parts.arguments(part)}}
        case ToolReturnPart():
            word = "error" if part.status == "error" else "output"
            return {"functionResponse": {"id": part.call_id, "name": part.name, "response": {word: part.output}}}
        case _:
            return None


def _declaration(schema: ToolSchema) -> Json:
    declared: Json = {"name": schema.name, "description": schema.description}
    if parameters := gemini_schema.parameters(schema.parameters):
        declared["parametersJsonSchema"] = parameters
    return declared


def _choice(call: Call) -> Json:
    match call.tool_choice:
        case "auto":
            return {"mode": "AUTO"}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case name:
            return {"mode": "ANY", "allowedFunctionNames": [name]}


def _generation(call: Call, card: ModelCard) -> Json:
    config: Json = {}
    if call.temperature is not None:
        config["temperature"] = call.temperature
    if call.max_tokens is not None:
        config["maxOutputTokens"] = min(call.max_tokens, card.max_output_tokens or call.max_tokens)
    if (penalty := call.settings.get("frequency_penalty")) is not None:
        config["frequencyPenalty"] = penalty
    if card.reasoning:
        config["thinkingConfig"] = _thinking(call)
    return config | _form(call)


def _form(call: Call) -> Json:
    """The form of the answer. Models before Gemini 3 refuse one beside tools, and tools are worth more."""
    form = call.response_format or object_of(call.settings.get("response_schema"))
    kind = form.get("type")
    if kind not in ("json_object", "json_schema") or (call.tools and not has_levels(call.model)):
        return {}
    wanted: Json = {"responseMimeType": "application/json"}
    described = object_of(form.get("json_schema"))
    if kind == "json_schema" and (schema := gemini_schema.cleaned(described.get("schema", described))):
        wanted["responseJsonSchema"] = schema
    return wanted


def _thinking(call: Call) -> Json:
    chosen = object_of(call.settings.get("thinking_config"))
    effort = str(call.settings.get("reasoning_effort") or "")
    is_off = call.settings.get("enable_reasoner") is False
    shows = bool(chosen.get("include_thoughts", True)) and not is_off
    if has_levels(call.model):
        level = _level(call.model, "none" if is_off else effort)
        return {"includeThoughts": shows, **({"thinkingLevel": level} if level else {})}
    budget = 0 if is_off else _budget(call, chosen, effort)
    if budget is None:
        return {"includeThoughts": shows}
    least = LEAST_BUDGET if "pro" in call.model else 0
    return {"includeThoughts": shows and budget != 0, "thinkingBudget": max(budget, least)}


def _budget(call: Call, chosen: Json, effort: str) -> int | None:
    """How many tokens thoughts may take: what was said in the plainest words counts most."""
    if effort:
        return BUDGETS.get(effort)
    for said in (call.settings.get("max_reasoning_tokens") or None, chosen.get("thinking_budget")):
        if isinstance(said, int):
            return said
    return None


def _level(model: str, effort: str) -> str | None:
    """The nearest level that the model has; the larger ones cannot be kept from thinking."""
    level = LEVELS.get(effort, "HIGH") if effort else None
    if "flash" in model:
        return level
    return {"MINIMAL": "LOW", "MEDIUM": "HIGH" if model.startswith("gemini-3-pro") else "MEDIUM"}.get(
        level or "", level
    )
