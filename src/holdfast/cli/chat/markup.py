"""Markdown as it comes: the text stays as it is, with its headings, code and emphasis styled."""

MARKS = "`*#"


class Markup:
    """Cuts fragments of Markdown into stretches of one style; a run of marks is held until it is whole."""

    def __init__(self) -> None:
        self._held = ""
        self._begins_line = True
        self._is_fenced = False
        self._is_code = False
        self._is_strong = False
        self._is_heading = False
        self._stretches: list[tuple[str, str]] = []

    def feed(self, text: str) -> list[tuple[str, str]]:
        """The stretches that the fragment completes: text and style."""
        for char in text:
            if self._held and char != self._held[0]:
                self._release(char)
            if char in MARKS:
                self._held += char
            else:
                self._plain(char)
        return self._taken()

    def end(self) -> list[tuple[str, str]]:
        """What was still held."""
        self._release("\n")
        return self._taken()

    @property
    def _style(self) -> str:
        if self._is_fenced or self._is_code:
            return "cyan"
        return "bold" if self._is_heading or self._is_strong else ""

    def _plain(self, char: str) -> None:
        if char == "\n":
            self._is_code = self._is_strong = self._is_heading = False
        self._put(char, self._style)
        self._begins_line = char == "\n" or (self._begins_line and char == " ")

    def _release(self, after: str) -> None:
        """Marks open a style or close it, and look like what they enclose."""
        marks, self._held = self._held, ""
        before = self._style
        if marks:
            self._obey(marks, after)
            self._put(marks, before or self._style)
            self._begins_line = False

    def _obey(self, marks: str, after: str) -> None:
        match marks[0]:
            case "`" if self._begins_line and len(marks) >= 3:
                self._is_fenced = not self._is_fenced
            case _ if self._is_fenced:
                pass
            case "`":
                self._is_code = not self._is_code
            case "*" if len(marks) >= 2 and not self._is_code:
                self._is_strong = not self._is_strong
            case "#" if self._begins_line and len(marks) <= 6 and after == " ":
                self._is_heading = True
            case _:
                pass

    def _put(self, text: str, style: str) -> None:
        if self._stretches and self._stretches[-1][1] == style:
            text = self._stretches.pop()[0] + text
        self._stretches.append((text, style))

    def _taken(self) -> list[tuple[str, str]]:
        stretches, self._stretches = self._stretches, []
        return stretches
