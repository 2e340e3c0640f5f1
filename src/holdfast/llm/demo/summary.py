"""A summary by quoting, for when the server asks the demo model to shorten a conversation."""

import re

from holdfast.llm.demo import transcript
from holdfast.llm.demo.language import detect
from holdfast.llm.model import Call

_ORDER = re.compile(
    r"\bsummar(?:y|i[sz]e|i[sz]ing|i[sz]ation)\b|\bcompact(?:ion|ed|ing)\b|zusammenfass|总结|摘要", re.IGNORECASE
)
_MEMORY = "<memory_blocks>"
_EACH = 200
_WHOLE = 3000


def wanted(call: Call) -> bool:
    """Whether this is the server's own request for a summary: no tools, no memory, and a prompt that orders one."""
    prompt = call.messages[0].text if call.messages and call.messages[0].role == "system" else ""
    return not call.tools and _MEMORY not in prompt and bool(_ORDER.search(prompt))


def of(call: Call) -> str:
    """The beginnings of what was said, the newest kept when there is too much."""
    texts = [text for message in call.messages[1:] if (text := transcript.spoken(message.text))]
    lines = [line.strip()[:_EACH] for text in texts for line in text.splitlines() if line.strip()]
    kept: list[str] = []
    for line in reversed(lines):
        if sum(map(len, kept)) + len(line) > _WHOLE:
            break
        kept.append(line)
    tongue = detect(*lines[:20])
    return tongue.say["summary"].format(what="\n" + "\n".join(reversed(kept)))
