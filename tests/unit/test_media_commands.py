"""`rushes probe` and `rushes conform` at a terminal: what they say, what they leave behind, how they exit."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.domain.media import Kind
from bot.file_command import measures
from tests import media_samples
from tests.corpus import LIMITS, corpus, counted, manifest

FIELDS = {"file", "verdict", "code", "kind", "measured", "actions", "message"}


def rushes(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)


def records(*arguments: str | Path) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", json.loads(rushes("probe", "--json", *arguments).stdout))


def answer(*arguments: str | Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(rushes("conform", "--json", *arguments).stdout))


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for the one who runs the tests is nothing to the commands; where the corpus lies is read before."""
    for name in [name for name in os.environ if name.startswith("RUSHES")]:
        monkeypatch.delenv(name)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return put(tmp_path, "picture.png", media_samples.png((64, 64)))


@pytest.fixture
def playlist(tmp_path: Path) -> Path:
    return put(tmp_path, "clip.mp4", media_samples.hls_playlist("file:///etc/passwd"))


def bitmap(folder: Path, name: str = "drawing.bmp") -> Path:
    from PIL import Image

    path = folder / name
    Image.new("RGB", (32, 32), (200, 20, 20)).save(path, "BMP")
    return path


# --- probe ------------------------------------------------------------------------------------------------------------


def test_every_file_has_its_record_in_the_order_given(tmp_path: Path, picture: Path, playlist: Path) -> None:
    told = records(playlist, picture, bitmap(tmp_path), picture)
    assert [(one["file"], one["verdict"], one["code"], one["kind"]) for one in told] == [
        (str(playlist), "reject", "playlist", "none"),
        (str(picture), "accept", "ok", "image"),
        (str(tmp_path / "drawing.bmp"), "convert", "bmp", "image"),
        (str(picture), "accept", "ok", "image"),
    ]
    assert all(one.keys() >= FIELDS for one in told)
    assert told[1]["measured"]["width"] == 64
    assert told[0]["measured"]["width"] is None
    assert told[2]["actions"] == ["transcode", "strip"]
    assert "clip.mp4" in told[0]["message"]


def test_people_read_one_line_a_file(picture: Path, playlist: Path) -> None:
    lines = rushes("probe", picture, playlist).stdout.splitlines()
    assert (
        lines[0]
        == f"accept   ok                  “picture.png” can be used as it is. [image, png, 64×64, {size(picture)}]"
    )
    assert lines[1].startswith("reject   playlist            “clip.mp4” is no media but a list")
    assert len(lines) == 2


def size(path: Path) -> str:
    from bot.domain.words import byte_size

    return byte_size(path.stat().st_size)


def test_it_exits_by_the_worst_that_was_found(tmp_path: Path, picture: Path, playlist: Path) -> None:
    assert rushes("probe", picture, bitmap(tmp_path)).exit_code == 0
    assert rushes("probe", picture, playlist).exit_code == 1
    assert rushes("probe", picture, playlist, tmp_path / "gone.png").exit_code == 2
    assert rushes("probe").exit_code == 2


def test_what_is_no_file_is_said_and_the_others_are_done(tmp_path: Path, picture: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    told = records(tmp_path / "gone.png", tmp_path, pipe, picture)
    assert [one["code"] for one in told] == ["missing", "not_a_file", "not_a_file", "ok"]
    assert told[0]["message"] == f"There is no file “{tmp_path / 'gone.png'}”."
    assert [one["kind"] for one in told[:2]] == ["none", "none"]


def test_a_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = put(tmp_path, "a\x1b[2J\nb.png", b"")
    (line,) = rushes("probe", path).stdout.splitlines()
    assert line.isprintable()
    assert records(path)[0]["file"] == str(path)


def test_names_of_any_bytes_have_their_record(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    Path(os.fsdecode(name)).write_bytes(media_samples.png((32, 32)))
    told = started(tmp_path, "probe", os.fsdecode(name))
    assert (told.returncode, told.stderr) == (0, "")
    assert "can be used as it is" in told.stdout


def test_without_a_publisher_the_limits_are_the_pinned_model_s_and_settings_do_not_count(picture: Path) -> None:
    assert measures(None).limits == LIMITS
    assert rushes("probe", picture, RUSHES__NONSENSE="1", RUSHES_PROFILE="none").exit_code == 0


def test_a_publisher_narrows_the_limits_to_what_it_carries(tmp_path: Path, picture: Path) -> None:
    staging, inside = measures("staging").limits, measures("data-uri").limits
    assert {kind: each.max_bytes_each for kind, each in staging.kinds.items()} == dict.fromkeys(Kind, 10 << 20)
    assert {kind: each.max_bytes_each for kind, each in inside.kinds.items()} == {Kind.IMAGE: 1 << 20}
    sound = put(tmp_path, "sound.mp3", media_samples.mp3())
    told = records(picture, sound, "--publisher", "data-uri")
    assert [one["verdict"] for one in told] == ["accept", "reject"]
    assert "no staging channel" in told[1]["message"]


def test_an_unknown_publisher_is_told_the_known_ones(picture: Path) -> None:
    told = rushes("probe", picture, "--publisher", "pigeon")
    assert told.exit_code == 2
    assert "'staging', 'data-uri'" in told.stderr


def test_settings_that_cannot_be_used_are_a_sentence(picture: Path) -> None:
    told = rushes("probe", picture, "--publisher", "staging", RUSHES_PROFILE="none")
    assert told.exit_code == 2
    assert "There is no settings file" in told.stderr


# --- conform ----------------------------------------------------------------------------------------------------------


def test_a_whole_request_lies_in_the_folder_as_the_model_takes_it(
    tmp_path: Path, picture: Path, playlist: Path
) -> None:
    out = tmp_path / "deep" / "out"
    told = answer(picture, bitmap(tmp_path), playlist, "--out", out)
    assert (told["verdict"], told["code"]) == ("convert", "files_converted")
    assert told["message"] == "2 of 3 files can be used together, 1 of them after a change."
    kept, made, refused = told["files"]
    assert (kept["verdict"], Path(kept["output"]).read_bytes()) == ("accept", picture.read_bytes())
    assert (made["verdict"], made["code"], made["output"]) == ("convert", "bmp", str(out / "drawing.png"))
    assert made["measured"]["format"] == "png"
    assert "BMP → PNG" in made["message"]
    assert (refused["verdict"], refused["output"], refused["measured"]) == ("reject", None, None)
    assert sorted(path.name for path in out.iterdir()) == ["drawing.png", "picture.png"]
    assert [one["code"] for one in records(kept["output"], made["output"])] == ["ok", "ok"]


def test_nothing_is_overwritten_and_every_ending_says_what_is_inside(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = put(tmp_path / "other", "picture.jpg", picture.read_bytes())
    outputs = [str(one["output"]) for _ in range(2) for one in answer(picture, twin, "--out", tmp_path)["files"]]
    assert [Path(output).name for output in outputs] == [f"picture-{number}.png" for number in range(2, 6)]
    assert picture.read_bytes() == twin.read_bytes() == Path(outputs[0]).read_bytes()


def test_long_and_strange_names_stay_in_the_folder(tmp_path: Path) -> None:
    names = ["é" * 120 + ".bmp", "..bmp", "a\nb.bmp", ".bmp"]
    told = answer(*(bitmap(tmp_path, name) for name in names), "--out", tmp_path / "out")
    assert [one["verdict"] for one in told["files"]] == ["convert"] * 4
    assert all(Path(one["output"]).parent == tmp_path / "out" for one in told["files"])
    assert all(Path(one["output"]).is_file() and Path(one["output"]).name.isprintable() for one in told["files"])


def test_a_rejected_request_leaves_nothing(tmp_path: Path) -> None:
    sound = put(tmp_path, "sound.wav", media_samples.wav())
    told = rushes("conform", sound, "--out", tmp_path / "out")
    assert told.exit_code == 1
    assert told.stdout.splitlines()[-1].startswith("reject   audio_needs_visual  Sound alone (“sound.wav”)")
    assert list((tmp_path / "out").iterdir()) == []


def test_in_a_rejected_request_every_file_still_says_what_it_needs(tmp_path: Path) -> None:
    files = [put(tmp_path, f"{number}.gif", media_samples.moving_gif()) for number in range(4)]
    told = answer(*files, "--out", tmp_path / "out")
    assert (told["verdict"], told["code"]) == ("reject", "too_many_videos")
    assert all("can be used after a change" in one["message"] for one in told["files"])


def test_the_part_that_is_asked_for_is_used(tmp_path: Path, picture: Path) -> None:
    sound = put(tmp_path, "sound.wav", media_samples.wav(seconds=16))
    told = answer(sound, picture, "--out", tmp_path / "out", "--part", f"{sound}=end")
    first = told["files"][0]
    assert (told["code"], first["code"]) == ("duration_budget", "duration_long")
    assert "from second 1 on" in first["message"]
    assert first["measured"]["seconds"] == pytest.approx(15, abs=0.06)


@pytest.mark.parametrize("part", ["{}=middleish", "{}=-1", "{}=nan", "{}=inf", "=start", "start", "other.png=start"])
def test_a_part_that_cannot_be_understood_is_a_usage_error(tmp_path: Path, picture: Path, part: str) -> None:
    told = rushes("conform", picture, "--out", tmp_path / "out", "--part", part.format(picture))
    assert told.exit_code == 2
    assert "--part" in told.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to_is_a_sentence(picture: Path) -> None:
    told = rushes("conform", picture, "--out", picture / "out")
    assert told.exit_code == 2
    assert "cannot be read or written" in told.stderr


def test_progress_is_for_people_and_never_among_the_answer(tmp_path: Path, picture: Path) -> None:
    sound = put(tmp_path, "sound.ogg", media_samples.ogg(seconds=3))
    shown = rushes("conform", sound, picture, "--out", tmp_path / "out")
    assert "sound.ogg: " in shown.stderr
    assert " %" not in shown.stdout
    assert rushes("conform", sound, picture, "--json", "--out", tmp_path / "out").stderr == ""


# --- the real command and the corpus ----------------------------------------------------------------------------------


def started(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real command in that folder, with an environment that holds nothing of ours."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_the_real_command_needs_no_settings_and_leaves_nothing_behind(tmp_path: Path, picture: Path) -> None:
    before = list(tmp_path.iterdir())
    told = started(tmp_path, "probe", "--json", picture.name)
    assert (told.returncode, told.stderr) == (0, "")
    assert json.loads(told.stdout)[0]["file"] == picture.name
    assert list(tmp_path.iterdir()) == before


@pytest.fixture(scope="module")
def folder() -> Path:
    return corpus()


@pytest.fixture(scope="module")
def expected(folder: Path) -> Mapping[str, Any]:
    return manifest(folder)


@pytest.mark.timeout(300)
def test_the_corpus_has_its_verdicts_at_the_terminal(folder: Path, expected: Mapping[str, Any]) -> None:
    names = [entry["name"] for entry in expected["entries"]]
    told = started(folder, "probe", "--json", "--", *names)
    assert told.returncode == 1, told.stderr
    found = {one["file"]: (one["verdict"], one["code"]) for one in json.loads(told.stdout)}
    wanted = {entry["name"]: (entry["verdict"], entry["code"]) for entry in expected["entries"]}
    counted("rushes probe", sum(found.get(name) == one for name, one in wanted.items()), len(wanted))
    assert found == wanted


@pytest.mark.timeout(300)
def test_the_corpus_has_its_whole_requests_at_the_terminal(
    folder: Path, expected: Mapping[str, Any], tmp_path: Path
) -> None:
    judged: dict[str, tuple[str, str]] = {}
    sets = [one for one in expected["sets"] if all((folder / name).is_file() for name in one["files"])]
    for one in sets:
        told = answer(*(folder / name for name in one["files"]), "--out", tmp_path / one["name"])
        judged[one["name"]] = (told["verdict"], told["code"])
        written: set[str] = {str(path) for path in (tmp_path / one["name"]).iterdir()}
        assert {str(file["output"]) for file in told["files"] if file["output"] is not None} == written
        assert bool(written) is (told["verdict"] != "reject")
    wanted = {one["name"]: (one["verdict"], one["code"]) for one in sets}
    counted("rushes conform, requests", sum(judged[name] == one for name, one in wanted.items()), len(wanted))
    assert judged == wanted
    assert len(judged) >= 11
