"""The picture beside a draft: its references with their numbers."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from bot.domain.conform import FilePlan, SetPlan
from bot.domain.drafts import DraftView
from bot.domain.errors import Refused, Unavailable
from bot.domain.media import AnimaticPart
from bot.domain.references import Reference
from bot.pipeline.rooms import Rooms

_MOST_TILES = 15

_log: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.drafts")


async def reference_sheet(rooms: Rooms, view: DraftView) -> bytes | None:
    """A PNG with a tile for each; `None` without references, or when it cannot be drawn: the card says the rest.

    Tiles of barred references show no picture: their owners do not allow it.
    """
    if not view.request.references:
        return None
    try:
        with tempfile.TemporaryDirectory(dir=rooms.scratch) as folder:
            return await _drawn(rooms, view, Path(folder))
    except (Refused, Unavailable) as error:
        _log.warning("sheet not drawn", reason=error.reason.code)
    except OSError as error:
        _log.warning("sheet not drawn", reason=type(error).__name__)
    return None


def planned_files(references: Sequence[Reference], plan: SetPlan) -> Mapping[str, FilePlan]:
    """Reference id → what becomes of it."""
    return {reference.id: file for reference, file in zip(references, plan.files, strict=False)}


def drawn_part(reference: Reference, path: Path, file: FilePlan | None) -> AnimaticPart:
    """A reference on its way into a drawing: as what it is used, and of one that is cut what is left of it."""
    target = None if file is None else file.target
    return AnimaticPart(
        path=str(path),
        kind=reference.kind,
        label=f"{reference.token} {reference.name}",
        start_seconds=0.0 if target is None else target.start_seconds,
        seconds=None if target is None else target.seconds,
    )


async def _drawn(rooms: Rooms, view: DraftView, folder: Path) -> bytes:
    files = planned_files(view.request.references, view.plan)
    parts: list[AnimaticPart] = []
    for reference in view.request.references[:_MOST_TILES]:
        path = folder / f"part-{reference.number}"
        if reference.id in view.barred or not await brought(rooms, reference, path):
            _put_nothing(path)
        part = drawn_part(reference, path, files.get(reference.id))
        parts.append(replace(part, label=f"#{reference.number} {part.label}"))
    into = folder / "sheet.png"
    await rooms.media.reference_sheet(parts, into)
    return into.read_bytes()


async def brought(rooms: Rooms, reference: Reference, path: Path) -> bool:
    """Whether the reference's bytes are there, at `path` from now on."""
    try:
        await rooms.contents.copy_to(reference.content, path)
    except KeyError:
        return False
    return True


def _put_nothing(path: Path) -> None:
    """Bytes that are gone or barred: the tile says that the file cannot be shown."""
    path.touch()
