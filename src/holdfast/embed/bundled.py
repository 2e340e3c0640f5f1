"""The embedding model that comes with the server: all-MiniLM-L6-v2, in eight-bit numbers, on the processor.

It is loaded when it is first needed, and works in a thread of its own.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.embed.line import WorkLine
from holdfast.embed.wordpiece import WordPiece

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HERE = Path(__file__).parent / "minilm"
DIMENSION = 384
WINDOW = 256
"""Tokens that the model reads at once, the marks of begin and end included."""
BATCH = 16
BATCH_TOKENS = 1024
THREADS = 2


class Bundled:
    """A text that is longer than the window is read in parts of equal weight."""

    handle = "holdfast/minilm-l6-v2"

    def __init__(self) -> None:
        self._line = WorkLine("holdfast-embed", self._embed, BATCH)

    async def embed(self, texts: Sequence[str], *, is_query: bool = False) -> "NDArray[np.float32]":
        import numpy as np

        found = await self._line.results(texts, is_urgent=is_query)
        return np.stack(found) if found else np.zeros((0, DIMENSION), np.float32)

    def close(self) -> None:
        self._line.close()

    @cached_property
    def _tokenizer(self) -> WordPiece:
        return WordPiece(HERE / "vocabulary.txt")

    @cached_property
    def _session(self) -> Any:
        runtime: Any = import_module("onnxruntime")

        options = runtime.SessionOptions()
        options.intra_op_num_threads = min(THREADS, os.cpu_count() or 1)
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return runtime.InferenceSession(HERE / "model.onnx", options, providers=["CPUExecutionProvider"])

    def _embed(self, texts: Sequence[str]) -> "list[NDArray[np.float32]]":
        """The vectors of some texts; runs in the worker thread."""
        import numpy as np

        parts = [(owner, part) for owner, text in enumerate(texts) for part in self._parts(text)]
        parts.sort(key=lambda each: len(each[1]))
        sums = np.zeros((len(texts), DIMENSION), np.float32)
        for batch in _batches(parts):
            for (owner, _), vector in zip(batch, self._forward([part for _, part in batch]), strict=True):
                sums[owner] += vector
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return list(sums / np.maximum(lengths, 1e-12))

    def _parts(self, text: str) -> Iterator[list[int]]:
        """The tokens of a text in windows."""
        tokenizer = self._tokenizer
        numbers, room = tokenizer.numbers(text), WINDOW - 2
        for begin in range(0, max(len(numbers), 1), room):
            yield [tokenizer.begin, *numbers[begin : begin + room], tokenizer.end]

    def _forward(self, parts: Sequence[list[int]]) -> "NDArray[np.float32]":
        import numpy as np

        width = max(map(len, parts))
        numbers, mask = np.zeros((len(parts), width), np.int64), np.zeros((len(parts), width), np.int64)
        for row, part in enumerate(parts):
            numbers[row, : len(part)], mask[row, : len(part)] = part, 1
        return self._session.run(None, {"input_ids": numbers, "attention_mask": mask})[0]


def _batches(parts: "list[tuple[int, list[int]]]") -> Iterator[list[tuple[int, list[int]]]]:
    """Parts of similar length together, so that little is padded and memory stays small."""
    batch: list[tuple[int, list[int]]] = []
    for part in parts:
        if batch and (len(batch) == BATCH or (len(batch) + 1) * len(part[1]) > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(part)
    if batch:
        yield batch
