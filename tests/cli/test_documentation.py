"""docs/configuration.md has a row for every setting, with all variables."""

from pathlib import Path

from holdfast.config import SETTINGS

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_every_setting_has_a_row_with_its_variables() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    for setting in SETTINGS:
        row = next((row for row in rows if row.startswith(f"| `{setting.name}` |")), "")
        assert row, f"{setting.name} is missing"
        for variable in setting.variables:
            assert f"`{variable}`" in row, f"{setting.name}: {variable} is missing"
