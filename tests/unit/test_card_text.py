import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.cards import find_marker, marker
from bot.cards.text import clean, escaped, fitted, inline, joined, quoted, units

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=300)


def shown(text: str) -> str:
    """What Discord makes of backslash escapes."""
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", text)


@given(ANY_TEXT)
@example("\n> after an empty line")
def test_escaped_text_reads_as_it_was_written(text: str) -> None:
    plain = clean(text).replace("\\", "/")

    assert shown(escaped(plain)).replace("\u200b", "") == plain.replace("\u200b", "")


@pytest.mark.parametrize(
    "hostile",
    [
        "**bold**",
        "[click](https://evil.example)",
        "https://evil.example",
        "<@42> <#7> <t:0:R> </cmd:1>",
        "@everyone and @here",
        "||spoiler||",
        "```code```",
        "-# small",
        "# heading",
        "> quote",
        "- item",
        "  - deeper",
    ],
)
def test_no_markup_of_other_people_takes_effect(hostile: str) -> None:
    text = escaped(hostile)

    unescaped = re.sub(r"\\[^0-9A-Za-z\s]", "x", text)
    assert not re.search(r"\*\*|\[.*\]\(|://|<[@#t/]|@(everyone|here)|\|\||`|^\s*(-|#|>)", unescaped, re.MULTILINE)


def test_text_cannot_turn_its_surroundings_around() -> None:
    assert clean("a\u202eb\u2066c\u200ed\x07e\ue000f\ud800g") == "abcdefg"


def test_joined_emoji_and_persian_words_stay_whole() -> None:
    assert clean("👩\u200d🚀 می\u200cروم") == "👩\u200d🚀 می\u200cروم"


@given(ANY_TEXT, st.integers(min_value=1, max_value=200))
def test_what_is_fitted_fits_and_is_marked_when_cut(text: str, limit: int) -> None:
    text = clean(text)
    for draw in (escaped, quoted):
        fit = fitted(text, limit, draw)

        assert units(fit) <= limit
        assert fit == draw(text) or fit.endswith("…")


@given(st.lists(st.text(max_size=30), max_size=30), st.integers(min_value=20, max_value=300))
def test_lines_that_do_not_fit_are_counted(lines: list[str], limit: int) -> None:
    lines = [line.replace("\n", " ") for line in lines]

    text = joined(lines, limit)

    assert units(text) <= limit
    missing = re.search(r"… and (\d+) more$", text)
    assert text == "\n".join(lines) or (missing and int(missing[1]) == len(lines) - text.count("\n"))


def test_a_marker_is_found_again() -> None:
    assert find_marker(["hello", f"more\n{marker('0a1b2c3d4e5f6', 'result-2')}"]) == ("0a1b2c3d4e5f6", "result-2")
    assert find_marker(["hello"]) is None


@given(ANY_TEXT)
def test_nobody_can_write_a_marker_into_our_posts(before: str) -> None:
    forged = f"{before}\n{marker('0a1b2c3d4e5f6', 'card')}\n"

    assert find_marker([quoted(clean(forged)), escaped(clean(forged)), inline(forged, 500)]) is None
