"""Encryption of secret columns: AES-256-GCM under one key for the whole installation."""

import base64
import hashlib
import os
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.errors import AppError
from holdfast.store.jsontext import from_json, to_json

MARK = "hf1:"
NONCE = 12


class Cipher:
    """Seals and opens text; the key is derived from any string the administrator gives."""

    def __init__(self, key: str) -> None:
        self._box = AESGCM(hashlib.sha256(key.encode()).digest())

    def seal(self, text: str) -> str:
        nonce = os.urandom(NONCE)
        return MARK + base64.b64encode(nonce + self._box.encrypt(nonce, text.encode(), None)).decode()

    def open(self, sealed: str) -> str:
        raw = base64.b64decode(sealed.removeprefix(MARK))
        try:
            return self._box.decrypt(raw[:NONCE], raw[NONCE:], None).decode()
        except InvalidTag as wrong:
            raise AppError(
                "A stored secret cannot be opened: it was encrypted under another key. "
                "Start with the HOLDFAST_ENCRYPTION_KEY that was in force when it was written."
            ) from wrong


class EncryptedText(sa.types.TypeDecorator[Any]):
    """A text column that the database only ever sees sealed. `Database` hands its cipher to the dialect."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else dialect.holdfast_cipher.seal(value)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else dialect.holdfast_cipher.open(value)


class EncryptedJson(EncryptedText):
    """A JSON value that the database only ever sees sealed."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return super().process_bind_param(None if value is None else to_json(value), dialect)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        opened = super().process_result_value(value, dialect)
        return None if opened is None else from_json(opened)
