"""Links between our pages lead somewhere, headings included, tests that they name are there, the index reaches all."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NOT_OF_AN_ANCHOR = re.compile(r"[^\w\- ]")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def links(page: Path) -> Iterator[str]:
    """The targets within the repository, as written."""
    found: list[str] = LINK.findall(FENCED.sub("", page.read_text()))
    return (target for target in found if "://" not in target)


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, as GitHub and others make it."""
    headings: list[str] = HEADING.findall(FENCED.sub("", page.read_text()))
    return {NOT_OF_AN_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def target_of(page: Path, link: str) -> tuple[Path, str]:
    path, _, anchor = link.partition("#")
    return ((page.parent / path).resolve() if path else page), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, anchor = target_of(page, link)
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_tests_are_there(page: Path) -> None:
    named: list[tuple[str, str]] = TEST.findall(page.read_text())
    for path, name in named:
        assert (ROOT / path).exists(), f"{page.name}: {path}"
        assert f"def {name}" in (ROOT / path).read_text(), f"{page.name}: {path}::{name}"


def test_the_index_reaches_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    reached = {target_of(index, link)[0] for link in links(index)}
    assert {page for page in (ROOT / "docs").glob("*.md") if page != index} <= reached
