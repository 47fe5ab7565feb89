"""What people write when they say from which second on."""

import pytest

from cogs.part_form import moment_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("12", 12.0),
        ("12.5", 12.5),
        ("12,5", 12.5),
        (" 12 s ", 12.0),
        ("0:12", 12.0),
        ("1:02.5", 62.5),
        ("90:00", 5400.0),
        ("1:00:01", 3601.0),
    ],
)
def test_a_moment_is_read_however_it_is_written(text: str, seconds: float) -> None:
    assert moment_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1", "+1", "1e3", "nan", "inf", "1:75", "1:60:00", "::", ":12", "12:", "1.2.3", "12 13", "0x10", "½"],
)
def test_anything_else_is_no_moment(text: str) -> None:
    assert moment_seconds(text) is None
