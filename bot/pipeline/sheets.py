"""The picture beside a draft: its references with their numbers."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart
from bot.domain.references import Reference
from bot.pipeline.rooms import Rooms

_MOST_TILES = 15

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.drafts")


async def reference_sheet(rooms: Rooms, references: Sequence[Reference]) -> bytes | None:
    """A PNG with a tile for each; `None` without references, or when it cannot be drawn: the card says the rest."""
    if not references:
        return None
    try:
        with tempfile.TemporaryDirectory(dir=rooms.scratch) as folder:
            return await _drawn(rooms, references[:_MOST_TILES], Path(folder))
    except (Refused, Unavailable) as error:
        _log.warning("sheet not drawn", reason=error.reason.code)
    except OSError as error:
        _log.warning("sheet not drawn", reason=type(error).__name__)
    return None


async def _drawn(rooms: Rooms, references: Sequence[Reference], folder: Path) -> bytes:
    parts = [await _part(rooms, reference, folder / f"part-{reference.number}") for reference in references]
    into = folder / "sheet.png"
    await rooms.media.reference_sheet(parts, into)
    return into.read_bytes()


async def _part(rooms: Rooms, reference: Reference, path: Path) -> AnimaticPart:
    try:
        await rooms.contents.copy_to(reference.content, path)
    except KeyError:
        _put_nothing(path)
    label = f"#{reference.number} {reference.token} {reference.name}"
    return AnimaticPart(path=str(path), kind=reference.kind, label=label)


def _put_nothing(path: Path) -> None:
    """Bytes that are gone: the tile says that the file cannot be shown."""
    path.touch()
