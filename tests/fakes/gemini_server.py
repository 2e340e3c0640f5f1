"""A scripted Gemini on loopback, also at Vertex's addresses. It refuses what Google's SDK and Google itself refuse.

with GeminiServer() as gemini:
    gemini.queue(Reply("hello"), Reply(status=429, error="slow down"))
"""

import json
import re
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from google.genai import types
from pydantic import BaseModel, ValidationError

from tests.fakes.openai_script import Reply
from tests.fakes.scripted_http import Answer, Json, Request, ScriptedHttp, cut, of_json, raw

KEY = "AIza-scripted"
SCHEMA_WORDS = {
    *("$id", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems", "minItems"),
    *("maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required"),
}
CHECKED: dict[str, type[BaseModel]] = {
    "systemInstruction": types.Content,
    "toolConfig": types.ToolConfig,
    "generationConfig": types.GenerationConfig,
}


class GeminiServer(ScriptedHttp):
    """Without queued replies it says ok."""

    def __init__(self) -> None:
        super().__init__()
        self.accepts = {KEY}
        """Keys and tokens."""
        self.models: list[Json] = []
        self._replies: deque[Reply] = deque()
        self._signatures = 0
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._replies.clear()
        self.accepts = {KEY}
        self.models = [
            _model("gemini-2.5-flash", 1_048_576),
            _model("gemini-9-pro", 2_097_152),
            {**_model("text-embedding-9", 2048), "supportedGenerationMethods": ["embedContent"]},
        ]

    def queue(self, *replies: Reply) -> None:
        self._replies.extend(replies)

    @property
    def chats(self) -> list[Json]:
        """What the models were asked."""
        return [request.body for request in self.requests if "enerateContent" in request.path]

    def next(self, request: Request) -> Answer:
        self.requests.append(request)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.accepts & {request.headers.get("x-goog-api-key"), bearer}:
            return _error(400 if bearer == "" else 401, "API key not valid. Please pass a valid API key.")
        url = urlsplit(request.path)
        model = re.search(r"/v1(?:beta1?)?/(?:.*/)?models/([^/:]+):(stream)?[gG]enerateContent$", url.path)
        if model:
            return self._chat(model[1], request.body, is_stream=bool(model[2]), is_sse=url.query == "alt=sse")
        if url.path == "/v1beta/models":
            return of_json(self._page(parse_qs(url.query)))
        if url.path == "/v1beta1/publishers/google/models":
            return of_json({"publisherModels": [{"name": f"publishers/google/{each['name']}"} for each in self.models]})
        return _error(404, f"nothing at {url.path}")

    def _page(self, query: dict[str, list[str]]) -> Json:
        """One model a page, so that whoever stops after the first page is found out."""
        number = int(query.get("pageToken", ["0"])[0])
        more = {"nextPageToken": str(number + 1)} if number + 1 < len(self.models) else {}
        return {"models": self.models[number : number + 1], **more}

    def _chat(self, model: str, body: Json, *, is_stream: bool, is_sse: bool) -> Answer:
        if problem := _problem(model, body):
            return _error(400, problem)
        reply = self._replies.popleft() if self._replies else Reply("ok")
        if reply.raw is not None:
            return raw(reply.raw, reply.status)
        if reply.status != 200:
            return _error(reply.status, reply.error, reply.headers)
        chunks = list(self._chunks(reply, model))
        if not is_stream:
            return of_json(_whole(chunks))
        if not is_sse:
            return of_json(chunks)
        lines = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
        return cut([f"data: {line}\r\n\r\n".encode() for line in lines], reply.cut_after, "text/event-stream")

    def _chunks(self, reply: Reply, model: str) -> Iterator[Json | str]:
        """The events of an answer. Signatures are different in each."""
        if reply.chunks is not None:
            yield from reply.chunks
            return
        self._signatures += 1
        signature = b64encode(f"signature {self._signatures}".encode()).decode()
        parts: list[Json] = [{"text": word, "thought": True} for word in re.findall(r"\S+\s*", reply.reasoning)]
        parts += [{"text": word} for word in re.findall(r"\S+\s*", reply.text)]
        calls: list[Json] = [{"functionCall": {"name": name, "args": args}} for name, args in reply.calls]
        if calls:
            calls[0]["thoughtSignature"] = signature
        else:
            parts.append({"text": "", "thoughtSignature": signature})
        yield from (_chunk([part], model) for part in [*parts, *calls])
        last = _chunk([], model)
        last["candidates"][0]["finishReason"] = reply.finish or "STOP"
        yield {**last, "usageMetadata": reply.usage or _usage(reply)}


def _chunk(parts: list[Json], model: str) -> Json:
    content = {"role": "model", "parts": parts} if parts else {"role": "model"}
    return {
        "candidates": [{"content": content, "index": 0}],
        "modelVersion": model,
        "responseId": "response-1",
    }


def _usage(reply: Reply) -> Json:
    return {
        "promptTokenCount": 100,
        "candidatesTokenCount": max(1, len(reply.text) // 4),
        "thoughtsTokenCount": len(reply.reasoning) // 4,
        "cachedContentTokenCount": 64,
        "totalTokenCount": 100 + max(1, len(reply.text) // 4) + len(reply.reasoning) // 4,
    }


def _whole(chunks: list[Json | str]) -> Json:
    """The events as the one object that a request without a stream gets."""
    bodies = [chunk for chunk in chunks if not isinstance(chunk, str)]
    parts = [part for body in bodies for part in body["candidates"][0]["content"].get("parts", ())]
    candidate = {**bodies[-1]["candidates"][0], "content": {"role": "model", "parts": parts}}
    return {**bodies[-1], "candidates": [candidate]}


def _model(name: str, window: int) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": window,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "thinking": True,
    }


def _error(status: int, message: str, details: dict[str, str] | None = None) -> Answer:
    """Google's form of an error; a wait is told inside of it."""
    wait = (details or {}).get("retry-delay")
    info = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": wait}] if wait else []
    return of_json({"error": {"code": status, "message": message, "status": "SCRIPTED", "details": info}}, status)


def _problem(model: str, body: Json) -> str | None:
    """Why Google would not take a request."""
    try:
        for name, kind in CHECKED.items():
            if name in body:
                kind.model_validate_json(json.dumps(body[name]))
        for content in body["contents"]:
            types.Content.model_validate_json(json.dumps(content))
        for tool in body.get("tools", ()):
            types.Tool.model_validate_json(json.dumps(tool))
    except ValidationError as problem:
        return f"invalid request: {problem}"
    unknown = set(body) - {*CHECKED, "contents", "tools"}
    return f"unknown fields {unknown}" if unknown else _odd_turns(model, body["contents"]) or _odd_words(model, body)


def _odd_turns(model: str, contents: list[Json]) -> str | None:
    roles = [content["role"] for content in contents]
    if roles[:1] != ["user"] or any(one == following for one, following in pairwise(roles)):
        return f"user and model must take turns: {roles}"
    for number, content in enumerate(contents):
        following: Json = contents[number + 1] if number + 1 < len(contents) else {"parts": []}
        calls: list[Json] = [part for part in content["parts"] if "functionCall" in part]
        returns: list[Json] = [part for part in following["parts"] if "functionResponse" in part]
        if len(calls) != len(returns):
            return "the number of function response parts must equal that of the function call parts"
        if calls and "gemini-2" not in model and "thoughtSignature" not in calls[0]:
            return "Function call is missing a thought_signature"
    return None


def _odd_words(model: str, body: Json) -> str | None:
    config: Json = body.get("generationConfig") or {}
    if "gemini-2" in model and "thinkingLevel" in config.get("thinkingConfig", {}):
        return "Thinking level is not supported for this model"
    if "gemini-2" in model and body.get("tools") and "responseMimeType" in config:
        return "Function calling with a response mime type: 'application/json' is unsupported"
    schemas = [config.get("responseJsonSchema")]
    for tool in body.get("tools", ()):
        schemas += [declared.get("parametersJsonSchema") for declared in tool["functionDeclarations"]]
    unknown = {word for schema in schemas if schema for word in _words(schema)} - SCHEMA_WORDS
    return f"Unknown name {unknown} at the schema" if unknown else None


def _words(schema: Json) -> Iterator[str]:
    for word, value in schema.items():
        yield word
        inner: list[Any] = list(value.values()) if word == "properties" else _listed(value)
        yield from (found for each in inner if isinstance(each, dict) for found in _words(cast(Json, each)))


def _listed(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]
