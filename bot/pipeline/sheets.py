"""The picture beside a draft: its references with their numbers."""

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import structlog

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart
from bot.domain.references import Reference
from bot.pipeline.rooms import Rooms

_MOST_TILES = 15

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.drafts")


async def reference_sheet(rooms: Rooms, references: Sequence[Reference], *, barred: Collection[str]) -> bytes | None:
    """A PNG with a tile for each; `None` without references, or when it cannot be drawn: the card says the rest.

    Tiles of `barred` references (ids) show no picture: their owners do not allow it.
    """
    if not references:
        return None
    try:
        with tempfile.TemporaryDirectory(dir=rooms.scratch) as folder:
            return await _drawn(rooms, references[:_MOST_TILES], Path(folder), barred)
    except (Refused, Unavailable) as error:
        _log.warning("sheet not drawn", reason=error.reason.code)
    except OSError as error:
        _log.warning("sheet not drawn", reason=type(error).__name__)
    return None


async def _drawn(rooms: Rooms, references: Sequence[Reference], folder: Path, barred: Collection[str]) -> bytes:
    parts = [
        await _part(rooms, reference, folder / f"part-{reference.number}", shown=reference.id not in barred)
        for reference in references
    ]
    into = folder / "sheet.png"
    await rooms.media.reference_sheet(parts, into)
    return into.read_bytes()


async def _part(rooms: Rooms, reference: Reference, path: Path, *, shown: bool) -> AnimaticPart:
    try:
        if shown:
            await rooms.contents.copy_to(reference.content, path)
        else:
            _put_nothing(path)
    except KeyError:
        _put_nothing(path)
    label = f"#{reference.number} {reference.token} {reference.name}"
    return AnimaticPart(path=str(path), kind=reference.kind, label=label)


def _put_nothing(path: Path) -> None:
    """Bytes that are gone or barred: the tile says that the file cannot be shown."""
    path.touch()
