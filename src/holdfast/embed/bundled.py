"""The embedding model that comes with the server: all-MiniLM-L6-v2, in eight-bit numbers, on the processor.

It is loaded when it is first needed, and works in threads of its own.
"""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
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
BATCH = 8
"""Texts that are read before a question has its turn."""
THREADS = 2
NICENESS = 4
"""Of the threads that read many texts: whoever waits for an answer gets the processor first."""


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
        self._readers.shutdown()

    @cached_property
    def _tokenizer(self) -> WordPiece:
        return WordPiece(HERE / "vocabulary.txt")

    @cached_property
    def _session(self) -> Any:
        runtime: Any = import_module("onnxruntime")

        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        return runtime.InferenceSession(HERE / "model.onnx", options, providers=["CPUExecutionProvider"])

    @cached_property
    def _readers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1), "holdfast-vectors", _step_back)

    def _embed(self, texts: Sequence[str]) -> "list[NDArray[np.float32]]":
        """The vectors of some texts; runs in the worker thread."""
        import numpy as np

        parts = [(owner, part) for owner, text in enumerate(texts) for part in self._parts(text)]
        sums = np.zeros((len(texts), DIMENSION), np.float32)
        one, numbers = partial(_read, self._session), [part for _, part in parts]
        read = self._readers.map(one, numbers) if len(parts) > 1 else (one(each) for each in numbers)
        for (owner, _), vector in zip(parts, read, strict=True):
            sums[owner] += vector
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return list(sums / np.maximum(lengths, 1e-12))

    def _parts(self, text: str) -> Iterator[list[int]]:
        """The tokens of a text in windows."""
        tokenizer = self._tokenizer
        numbers, room = tokenizer.numbers(text), WINDOW - 2
        for begin in range(0, max(len(numbers), 1), room):
            yield [tokenizer.begin, *numbers[begin : begin + room], tokenizer.end]


def _step_back() -> None:
    """On Linux a thread has a priority of its own; elsewhere it would be the whole server's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _read(session: Any, part: list[int]) -> "NDArray[np.float32]":
    """Alone: the model rounds its numbers by the largest of all that it reads at once, so company would show."""
    import numpy as np

    numbers = np.array([part], np.int64)
    return session.run(None, {"input_ids": numbers, "attention_mask": np.ones_like(numbers)})[0][0]
