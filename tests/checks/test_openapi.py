"""The shipped OpenAPI document is the one that the code describes."""

from scripts import openapi


def test_the_document_is_fresh() -> None:
    assert openapi.TARGET.read_text() == openapi.render(), "run `make openapi`"
