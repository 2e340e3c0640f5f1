"""What a call raises when it fails."""


class APIError(Exception):
    """`status_code` is what the server answered, or None when no answer came."""

    def __init__(self, message: str, status_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
