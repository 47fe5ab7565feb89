"""The catalogue and the code hold one another: no code without its sentence, no sentence without its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from bot.domain.reasons import reason
from bot.domain.words import RETIRED, SENTENCES, byte_size, dollars, money_line, say

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "bot" / "domain" / "words.py"
SOURCES = [path for room in ("bot", "cogs") for path in sorted((ROOT / room).rglob("*.py")) if path != CATALOGUE]
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
MAKERS = {"reason", "Reason"}

OTHER_HYPHENATED_WORDS = {"data-uri", "kept-clip", "store-read", "store-write"}
"""Not codes of reasons: a publisher's handle, a fault point, the names of threads."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def makes_reasons(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS and bool(node.args)


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call) and makes_reasons(node))


def texts(tree: ast.AST) -> set[str]:
    """Every text constant that could be a code."""
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}


def said_directly() -> Iterator[tuple[Path, ast.Call, str]]:
    """Calls such as `reason("file-too-large", …)`."""
    for path, tree in trees():
        for call in calls(tree):
            code = call.args[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield path, call, code.value


def test_every_code_that_is_said_has_its_sentence() -> None:
    found = list(said_directly())
    assert len(found) > 50, "the scan works"
    assert [f"{path.name}:{call.lineno} {code}" for path, call, code in found if code not in SENTENCES] == []


def test_every_code_of_a_table_has_its_sentence() -> None:
    """Where a code is not written at the call, it is one of the file's hyphenated texts."""
    missing: list[str] = []
    for path, tree in trees():
        indirect = [call for call in calls(tree) if not isinstance(call.args[0], ast.Constant)]
        hyphenated = {text for text in texts(tree) if "-" in text}
        if indirect:
            missing += [f"{path.name}: {text}" for text in sorted(hyphenated - set(SENTENCES) - OTHER_HYPHENATED_WORDS)]
    assert missing == []


def test_every_sentence_is_said_by_some_code() -> None:
    used = set[str]().union(*(texts(tree) for _, tree in trees()))
    assert set(SENTENCES) - used - RETIRED == set()


def test_what_nothing_says_any_more_is_said_nowhere() -> None:
    assert [f"{path.name}:{call.lineno}" for path, call, code in said_directly() if code in RETIRED] == []
    assert set(SENTENCES) >= RETIRED


def test_what_is_said_directly_brings_exactly_what_its_sentence_needs() -> None:
    wrong: list[str] = []
    for path, call, code in said_directly():
        given = {keyword.arg for keyword in call.keywords}
        if None not in given and given != placeholders(SENTENCES[code]):
            wrong.append(f"{path.name}:{call.lineno} {code} {sorted(map(str, given))}")
    assert wrong == []


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_is_well_formed(code: str) -> None:
    sentence = SENTENCES[code]
    assert CODE.fullmatch(code)
    assert all(name.isidentifier() for name in placeholders(sentence))
    assert all(spec == "" and how is None for _, name, spec, how in Formatter().parse(sentence) if name is not None)
    assert sentence.rstrip()[-1] in ".?}", "it ends"
    assert "  " not in sentence


def test_a_missing_argument_and_an_unknown_code_still_make_a_sentence() -> None:
    assert "(name)" in say(reason("source-gone"))
    assert say(reason("no-such-code")) == "Something went wrong (no-such-code)."


def test_arguments_are_filled_in_as_they_are() -> None:
    assert say(reason("unknown-reference", mention="@Image9 {x}", existing="", nearest="")).startswith("“@Image9 {x}”")


@pytest.mark.parametrize(
    ("usd_micros", "text"),
    [
        (None, "What it cost is not known yet; the video service has not said."),
        (0, "Nothing was spent."),
        (1_210_000, "It cost $1.21."),
        (4_200, "It cost $0.0042."),
    ],
)
def test_money_is_said_as_it_is_known(usd_micros: int | None, text: str) -> None:
    assert money_line(usd_micros) == text


@pytest.mark.parametrize(
    ("usd_micros", "text"), [(0, "$0.00"), (100_000, "$0.10"), (99_999, "$0.1000"), (12_345_678, "$12.35")]
)
def test_dollars_are_exact_where_they_are_few(usd_micros: int, text: str) -> None:
    assert dollars(usd_micros) == text


@pytest.mark.parametrize(
    ("byte_count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (84_000, "84 kB"),
        (1_200_000, "1.2 MB"),
        (10 << 20, "10 MiB"),
        (1 << 30, "1024 MiB"),
        (3_000_000_000, "3.0 GB"),
        (2_000_000_000_000, "2000.0 GB"),
    ],
)
def test_sizes_are_said_as_people_read_them(byte_count: int, text: str) -> None:
    assert byte_size(byte_count) == text
