"""The folder of awkward and hostile files with what is expected of each (`manifest.json`): made once, then found again.

The generator is no part of this repository. Where it is missing, the tests that need it are skipped and say so.
As a plugin (`-p tests.corpus`, as `make corpus` has it) it ends a run with a table of what was counted.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, cast

import pytest

from bot.domain.media import Kind
from bot.domain.models import KindLimits, ModelLimits

GENERATOR: Final = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "nasty_corpus.py"
PLACE: Final = "RUSHES_CORPUS"
"""This variable may name a folder that has the corpus already, or be `all`: then all of it is made (a minute)."""

_ALL: Final = "."
_QUICK: Final = (
    r"^(?!huge_|samsung|iphone|IMG_4K60|prores|screen|hevc|slowmo|8k_|sixteen|size_60|flac_bomb|bomb|dref|long_20s\.mp4"
    r"|fullhd|dims_lie)"
)
"""Which files are made otherwise: those that cost little."""

LIMITS: Final = ModelLimits(
    kinds={
        Kind.IMAGE: KindLimits(max_count=9, formats=("jpeg", "png", "webp"), max_bytes_each=30_000_000),
        Kind.VIDEO: KindLimits(
            max_count=3,
            formats=("mp4", "mov"),
            max_bytes_together=49_999_999,
            min_seconds_together=2,
            max_seconds_together=15,
            min_area_pixels=409_600,
            max_area_pixels=927_408,
        ),
        Kind.AUDIO: KindLimits(max_count=3, formats=("mp3", "wav"), max_bytes_each=15_000_000, max_seconds_together=15),
    },
    max_files=12,
    max_prompt_characters=2000,
    audio_needs_visual=True,
    min_seconds=4,
    max_seconds=15,
)
"""What the first pinned model takes; the corpus expects these."""


def corpus() -> Path:
    """The folder with the files and `manifest.json`; skips where it cannot be made."""
    given = os.environ.get(PLACE, "")
    if given not in {"", "all"}:
        return Path(given)
    names = _ALL if given == "all" else _QUICK
    if not GENERATOR.is_file():
        pytest.skip(f"the generator of the corpus is not at {GENERATOR}")
    key = hashlib.sha256(GENERATOR.read_bytes() + names.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"rushes-corpus-{os.getuid()}-{key}"
    if not (folder / "manifest.json").is_file():
        _make(folder, names)
    return folder


def _make(folder: Path, names: str) -> None:
    """Generates under a lock, so that test processes beside one another make it once. The manifest is written last."""
    import fcntl

    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "manifest.json").is_file():
            subprocess.run(
                [sys.executable, str(GENERATOR), str(folder), "--only", names],
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=600,
            )


def manifest(folder: Path) -> dict[str, Any]:
    """What is expected: `entries` (name, kind, verdict, code, warn, out …) and `sets` (files, verdict, code)."""
    return cast("dict[str, Any]", json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


_COUNTS: Final[dict[str, tuple[int, int, str]]] = {}


def counted(what: str, right: int, of: int, note: str = "") -> None:
    """Remembers a line of the table: how many were right, of how many."""
    _COUNTS[what] = right, of, note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Writes the table, when anything was counted in this process."""
    if not _COUNTS:
        return
    terminalreporter.section("corpus")
    for what, (right, of, note) in _COUNTS.items():
        share = f"{right / of:6.1%}" if of else "     –"
        terminalreporter.write_line(f"{what:28}{right:5} of {of:3}  {share}  {note}".rstrip())
