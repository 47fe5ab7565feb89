"""The job `conform`: one source becomes what a target says. Runs inside the media child.

On its way it says `{"progress": 0.42}`, some hundred times at most.
"""

# The stubs name numpy, which is not installed.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Callable, Mapping
from typing import IO, Final

from bot.media import conform_film, conform_pictures, conform_sound, pictures
from bot.media.conform_copy import copied
from bot.media.conform_film import make_film, one_frame
from bot.media.conform_pictures import make_picture, save_picture
from bot.media.conform_sound import make_sound
from bot.media.formats import PILLOW_NAMES
from bot.media.protocol import ConformSpec, JobSpec, SourceSpec

Say = Callable[[Mapping[str, object]], None]

_STEP: Final = 0.02
_SECOND_TRY: Final = 0.9
"""Of the bytes, when the first outcome had more than it may have."""


def work(spec: JobSpec, say: Say) -> Mapping[str, object]:
    """Writes the outcome into the output descriptor. Raises `JobRefused`, or whatever a decoder raises."""
    if "conform" not in spec or "output" not in spec:
        raise AssertionError("conform needs a target and an output")
    with os.fdopen(os.dup(spec["output"]), "r+b") as file:
        file.truncate(0)
        _make(spec["sources"][0], spec["conform"], file, _Progress(say))
    return {"done": True}


def warm_up() -> None:
    """Makes a little of everything, so that every import and codec is loaded before the walls go up."""
    pictures.warm_up()
    conform_pictures.warm_up()
    conform_sound.warm_up()
    conform_film.warm_up()


class _Progress:
    """Says how far the work is, in steps that are worth a line."""

    def __init__(self, say: Say) -> None:
        self._say, self._said = say, 0.0

    def __call__(self, done: float) -> None:
        share = min(1.0, done)
        if share - self._said >= _STEP:
            self._said = share
            self._say({"progress": round(share, 3)})


def _make(source: SourceSpec, target: ConformSpec, file: IO[bytes], advance: _Progress) -> None:
    if target["format"] in {"mp3", "wav"}:
        make_sound(source, target, file, advance)
    elif target["format"] != "mp4":
        _still(source, target, file, advance)
    elif not (target["copy"] and copied(source, file)):
        _film(source, target, file, advance)


def _still(source: SourceSpec, target: ConformSpec, file: IO[bytes], advance: _Progress) -> None:
    """A picture of a picture, or of a frame of a film."""
    if source["format"] in PILLOW_NAMES:
        make_picture(source, target, file, advance)
    else:
        save_picture(one_frame(source, target), target, file)


def _film(source: SourceSpec, target: ConformSpec, file: IO[bytes], advance: _Progress) -> None:
    """A film within its bytes, tried once more if it has too many; whether it fits then, the bot's side sees."""
    for share in (1.0, _SECOND_TRY):
        file.seek(0)
        file.truncate()
        make_film(source, target, file, advance, budget=share)
        if target["max_bytes"] is None or file.seek(0, os.SEEK_END) <= target["max_bytes"]:
            return
