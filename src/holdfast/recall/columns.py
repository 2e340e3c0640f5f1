"""Arrays that grow."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Column:
    """A numpy array to which values are appended; those that came one by one are put into it when they are needed."""

    def __init__(self, dtype: Any, width: int = 0) -> None:
        import numpy as np

        self._held: NDArray[Any] = np.zeros((16, width) if width else 16, dtype)
        self._count = 0
        self._fresh: list[Any] = []

    def append(self, value: Any) -> None:
        self._fresh.append(value)

    def extend(self, values: "NDArray[Any]") -> None:
        self._reserve(len(values))
        self._held[self._count : self._count + len(values)] = values
        self._count += len(values)

    def _reserve(self, more: int) -> None:
        import numpy as np

        if self._count + more <= len(self._held):
            return
        size = max(2 * len(self._held), self._count + more)
        grown = np.zeros((size, *self._held.shape[1:]), self._held.dtype)
        grown[: self._count] = self._held[: self._count]
        self._held = grown

    @property
    def values(self) -> "NDArray[Any]":
        """A view of what is there; it is valid until the next value comes."""
        if self._fresh:
            import numpy as np

            self.extend(np.array(self._fresh, self._held.dtype))
            self._fresh = []
        return self._held[: self._count]

    @property
    def bytes(self) -> int:
        return self._held.nbytes
