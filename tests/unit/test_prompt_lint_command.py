"""`rushes lint` at a terminal: the same words in, the same words out, and nothing else touched."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict, cast

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main


class Told(TypedDict):
    """One finding in JSON."""

    code: str
    severity: str
    start: int
    end: int
    message: str
    mend: str | None


class Answer(TypedDict):
    """What `--json` prints."""

    rendered: str | None
    findings: list[Told]


def lint(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["lint", *arguments], input=stdin)


def answer(*arguments: str) -> Answer:
    return cast("Answer", json.loads(lint(*arguments, "--json").stdout))


FILES = ("--ref", "hero.png", "--ref", "walk.mp4")


def test_it_prints_what_the_model_would_read_and_then_what_there_is_to_say() -> None:
    told = lint("hero.png walks [7]", *FILES)
    assert told.exit_code == 0
    assert told.stdout.splitlines() == [
        "@Image1 walks [7]",
        (
            "warning: 15–18 loose-mention-unresolved: “[7]” was left as text: it does not clearly point to a file."
            " → write “\\[7]”"
        ),
        "warning: unused-reference: @Video1 (walk.mp4) is attached but the prompt does not mention it. → add “@Video1”",
    ]


def test_its_json_has_exactly_the_promised_shape() -> None:
    told = answer("hero.png walks [7]", *FILES)
    assert told == {
        "rendered": "@Image1 walks [7]",
        "findings": [
            {
                "code": "loose-mention-unresolved",
                "severity": "warning",
                "start": 15,
                "end": 18,
                "message": "“[7]” was left as text: it does not clearly point to a file.",
                "mend": "\\[7]",
            },
            {
                "code": "unused-reference",
                "severity": "warning",
                "start": 18,
                "end": 18,
                "message": "@Video1 (walk.mp4) is attached but the prompt does not mention it.",
                "mend": " @Video1",
            },
        ],
    }


def test_errors_exit_with_1_and_nothing_is_rendered() -> None:
    told = lint("@allye and @hero", "--ref", "hero.png", "--ref", "hero.jpg", "--ref", "alley.png", "--json")
    assert told.exit_code == 1
    found = cast("Answer", json.loads(told.stdout))
    assert found["rendered"] is None
    assert [(one["code"], one["severity"], one["mend"]) for one in found["findings"]] == [
        ("unknown-reference", "error", "@Image3"),
        ("ambiguous-reference", "error", None),
    ]
    assert "Nothing would be sent" in lint("@Image3", *FILES).stdout


def test_a_choice_is_no_single_mend_but_people_see_it() -> None:
    told = lint("@hero", "--ref", "hero.png", "--ref", "hero.jpg")
    assert "→ write “@Image1” or “@Image2”" in told.stdout


@pytest.mark.parametrize(
    ("style", "expected"),
    [("@Image1", "@Image1 @Video1"), ("at", "@Image1 @Video1"), ("[Image 1]", "[Image 1] [Video 1]")],
)
def test_the_style_is_the_one_asked_for(style: str, expected: str) -> None:
    assert lint("@1 @2", *FILES, "--style", style).stdout == f"{expected}\n"
    assert lint("@1 @2", *FILES, "--style", "bracket").stdout == "[Image 1] [Video 1]\n"


@pytest.mark.parametrize(
    ("reference", "prompt", "rendered"),
    [
        ("hero.png", "@hero", "@Image1"),
        ("scan:audio", "@scan", "@Audio1"),
        ("odd.png:video", "@odd.png", "@Video1"),
        ("hero.png=Knight", "@knight", "@Image1"),
        ("IMG 12:image=Knight", '@knight "IMG 12" @"img 12"', '@Image1 "IMG 12" @Image1'),
        ("a=b.png", "a=b.png", "@Image1"),
        ("C:cat.PNG", "@Image1", "@Image1"),
        ("clip=1:video", '@"clip=1"', "@Video1"),
        ("hero:IMAGE", "@hero", "@Image1"),
        ("scan:Audio=Rain", "@rain", "@Audio1"),
        ("media/hero.png", "@hero.png", "@Image1"),
        ("C:\\media\\hero.png=Knight", "@knight hero.png", "@Image1 @Image1"),
    ],
)
def test_a_reference_is_a_name_with_a_kind_and_an_alias_where_needed(
    reference: str, prompt: str, rendered: str
) -> None:
    told = answer(prompt, "--ref", reference, "--ref", "beside.png")
    assert told["rendered"] == rendered


def test_two_files_of_one_name_are_called_as_the_collector_calls_them() -> None:
    told = answer('@"hero (2)" beats @hero.png', "--ref", "hero.png", "--ref", "hero.png")
    assert told["rendered"] == "@Image2 beats @Image1"


@pytest.mark.parametrize(
    ("arguments", "piece"),
    [
        (["x", "--ref", "hero"], "write hero:image, :video or :audio"),
        (["x", "--ref", "notes.txt"], "write notes.txt:image"),
        (["x", "--ref", ""], ":image"),
        (["x", "--ref", "hero.png=two words"], "not one word"),
        (["x", "--ref", "hero.png="], "not one word"),
        (["x", "--style", "loud"], "bracket"),
        ([], "PROMPT"),
    ],
)
def test_what_cannot_be_understood_is_a_sentence_and_exit_2(arguments: list[str], piece: str) -> None:
    told = lint(*arguments)
    assert told.exit_code == 2
    assert piece in told.stderr
    assert "Traceback" not in told.output


def test_the_limits_are_the_pinned_model_s() -> None:
    assert [one["code"] for one in answer("x" * 2001)["findings"]] == ["prompt-too-long"]
    assert next(one["code"] for one in answer("sing", "--ref", "a.mp3")["findings"]) == "audio-needs-visual"
    many = [part for number in range(10) for part in ("--ref", f"{number}.png")]
    assert "too-many-of-kind" in [one["code"] for one in answer("@1", *many)["findings"]]


def test_the_prompt_may_come_through_standard_input() -> None:
    assert lint("-", *FILES, stdin="@1 meets\n@2\n").stdout == "@Image1 meets\n@Video1\n"
    assert lint("-", "--ref", "hero.png", stdin=b"@1 \xff").exit_code == 0
    assert lint("-", *FILES, stdin=b"\xef\xbb\xbf@1 meets\r\n@2\r\n").stdout == "@Image1 meets\n@Video1\n"


def test_spans_count_characters_not_bytes() -> None:
    (found,) = answer("👩‍🚀 é @Image9")["findings"]
    assert (found["start"], found["end"]) == (6, 13)


def rushes(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The real command in an empty folder, with an environment that holds nothing of ours."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_the_real_command_needs_no_settings_and_leaves_nothing_behind(tmp_path: Path) -> None:
    told = rushes(tmp_path, "lint", "让图片1像 @walk", *FILES, "--json")
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout) == {"rendered": "让@Image1像 @Video1", "findings": []}
    assert list(tmp_path.iterdir()) == []


def test_the_real_command_says_errors_by_its_exit_code(tmp_path: Path) -> None:
    told = rushes(tmp_path, "lint", "-", "--ref", "hero.png", stdin="@Image2 waves\n")
    assert told.returncode == 1
    assert "unknown-reference" in told.stdout
    assert rushes(tmp_path, "lint", "x", "--ref", "hero").returncode == 2


@pytest.mark.parametrize("language", ["C", "C.UTF-8"])
def test_the_real_command_prints_any_text_anywhere(tmp_path: Path, language: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bot", "lint", b"\xff \xe7\x94\xbb\xe5\x83\x8f1", "--ref", "a.png"],
        capture_output=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "LC_ALL": language},
    )
    assert (told.returncode, told.stderr) == (0, b"")
    assert told.stdout == b"? @Image1\n"
