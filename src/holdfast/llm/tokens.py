"""How many tokens a text has, near enough: no vocabulary is downloaded, the provider's own counts correct it later."""

import re

_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
"""Scripts of which one character is about one token."""

CHARACTERS_PER_TOKEN = 4


def estimate(text: str) -> int:
    """About a token for every four characters, and one for each ideograph."""
    if text.isascii():
        return -(-len(text) // CHARACTERS_PER_TOKEN)
    wide = len(_WIDE.findall(text))
    return wide + -(-(len(text) - wide) // CHARACTERS_PER_TOKEN)
