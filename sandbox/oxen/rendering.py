"""Renders a real MP4 out of the references, with the bot's own animatic."""

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.domain.media import AnimaticPart, AnimaticPlan, Kind, MediaFacts
from sandbox.oxen.references import Fetched
from sandbox.oxen.schemas import ModelSchema
from sandbox.oxen.views import ResultView

SIZES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "480p": {
        "21:9": (992, 432), "16:9": (864, 496), "4:3": (752, 560),
        "1:1": (640, 640), "3:4": (560, 752), "9:16": (496, 864),
    },
    "720p": {
        "21:9": (1470, 630), "16:9": (1280, 720), "4:3": (1112, 834),
        "1:1": (960, 960), "3:4": (834, 1112), "9:16": (720, 1280),
    },
}  # fmt: skip
"""Pixels by resolution and aspect. Oxen documents none; 1280x720 and 864x496 are upstream's [U], the rest alike [S]."""

_AUTO = frozenset({"auto", "adaptive", -1})
_CLIP, _FACTS = "clip.mp4", "facts.json"
_STOCK_CAPTION = "stock"
_BOX_HEAD_BYTES = 8
_MIN_SECONDS, _MAX_SECONDS, _AUTO_SECONDS = 4, 15, 5


class Animator(Protocol):
    """The part of `MediaTools` that is used here."""

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the clip will be."""

    resolution: str
    width: int
    height: int
    seconds: int
    audio: bool


def shape_of(schema: ModelSchema, body: Mapping[str, object], references: Sequence[Fetched]) -> Shape:
    """The clip's shape; what is left to the model follows the first reference's aspect and the videos' length [S]."""
    resolution, aspect = str(schema.value(body, "resolution")), schema.value(body, "aspect_ratio")
    chosen = _nearest_aspect(references) if aspect in _AUTO else str(aspect)
    width, height = SIZES[resolution][chosen]
    return Shape(
        resolution=resolution,
        width=width,
        height=height,
        seconds=_seconds(schema.value(body, "duration"), references),
        audio=schema.value(body, "generate_audio") is True,
    )


def _nearest_aspect(references: Sequence[Fetched]) -> str:
    for reference in references:
        width, height = reference.view.width, reference.view.height
        if width and height:
            return min(SIZES["720p"], key=lambda name: abs(_ratio(name) - width / height))
    return "16:9"


def _ratio(aspect: str) -> float:
    width, _, height = aspect.partition(":")
    return int(width) / int(height)


def _seconds(duration: object, references: Sequence[Fetched]) -> int:
    if duration not in _AUTO:
        return int(str(duration))
    together = sum(one.view.seconds or 0.0 for one in references if one.wanted.kind is Kind.VIDEO)
    return min(_MAX_SECONDS, max(_MIN_SECONDS, round(together or _AUTO_SECONDS)))


class Renderer:
    """At most `workers` renders at once, each in the media child. With `quick`, an identical earlier one is reused.

    `kept` takes all renders, by what they show; several processes may have the same folder.
    """

    def __init__(self, animator: Animator, folder: Path, *, kept: Path, workers: int) -> None:
        self._animator = animator
        self._folder = folder
        self._kept = kept
        self._turns = asyncio.Semaphore(workers)

    async def render(
        self, name: str, schema: ModelSchema, prompt: str, shape: Shape, references: Sequence[Fetched], *, quick: bool
    ) -> ResultView:
        """The clip, in a file `{name}.mp4` of its own."""
        plan = _plan(schema, prompt, shape, references)
        key, path = _key(plan, references), self._folder / f"{name}.mp4"
        async with self._turns:
            if quick and (earlier := await asyncio.to_thread(_brought, self._kept / key, path)) is not None:
                return earlier
            facts = await self._animator.animatic(plan, path)
            result = await asyncio.to_thread(_result, path, facts)
            await asyncio.to_thread(_put_by, result, self._kept / key)
            return result

    async def stock(self, name: str, schema: ModelSchema, shape: Shape) -> ResultView:
        """What was rendered of that shape before, with the name in its bytes: no two such clips are the same file."""
        result = await self.render(name, schema, _STOCK_CAPTION, shape, (), quick=True)
        return await asyncio.to_thread(_signed, result, name)


def _plan(schema: ModelSchema, prompt: str, shape: Shape, references: Sequence[Fetched]) -> AnimaticPlan:
    parts = tuple(
        AnimaticPart(
            path=str(one.path), kind=one.wanted.kind, label=schema.style.token(one.wanted.kind, one.wanted.number)
        )
        for one in references
    )
    return AnimaticPlan(
        width=shape.width, height=shape.height, seconds=shape.seconds, parts=parts, caption=prompt, audio=shape.audio
    )


def _key(plan: AnimaticPlan, references: Sequence[Fetched]) -> str:
    """Equal for renders that would look and sound the same."""
    parts = [[part.kind, part.label, one.view.sha256] for part, one in zip(plan.parts, references, strict=True)]
    shape = [plan.width, plan.height, plan.seconds, plan.audio, plan.caption, parts]
    return hashlib.sha256(json.dumps(shape).encode()).hexdigest()


def _brought(kept: Path, path: Path) -> ResultView | None:
    """An earlier render, copied to `path`; `None` if there is none."""
    if not kept.is_dir():
        return None
    shutil.copyfile(kept / _CLIP, path)
    earlier = ResultView.model_validate_json((kept / _FACTS).read_bytes())
    return earlier.model_copy(update={"path": str(path), "cached": True})


def _signed(result: ResultView, name: str) -> ResultView:
    """The file with one box more at its end, of the kind that players skip."""
    path, text = Path(result.path), name.encode()
    with path.open("ab") as file:
        file.write((_BOX_HEAD_BYTES + len(text)).to_bytes(4, "big") + b"free" + text)
    data = path.read_bytes()
    return result.model_copy(update={"sha256": hashlib.sha256(data).hexdigest(), "byte_count": len(data)})


def _put_by(result: ResultView, kept: Path) -> None:
    """Keeps a render, whole or not at all; whoever was first with one of the same key has it kept."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=kept.parent))
    shutil.copyfile(result.path, making / _CLIP)
    (making / _FACTS).write_text(result.model_dump_json(), "utf-8")
    try:
        making.rename(kept)
    except OSError:
        shutil.rmtree(making)


def _result(path: Path, facts: MediaFacts) -> ResultView:
    data = path.read_bytes()
    return ResultView(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        byte_count=len(data),
        width=facts.width or 0,
        height=facts.height or 0,
        seconds=facts.seconds or 0.0,
        cached=False,
    )
