"""What each file of a request becomes, so that all of them together are what the model takes: a pure function.

Lengths: when files of a kind last too long together, the longest are cut first, down to a common length, and say so.
Bytes: what is sent as it is keeps its size; the rest share what is left by how long they last, and when that is too
little, the most wasteful file joins them. Nothing is made longer or larger than it must be. The order is kept.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.domain.conform import Anchor, FilePlan, Part, Record, SetPlan, Step, Target, Verdict
from bot.domain.media import Kind, MediaFacts
from bot.domain.models import KindLimits, ModelLimits
from bot.domain.reasons import Reason, reason
from bot.domain.words import byte_size, listed
from bot.media.verdict import MAX_FRAME_RATE, SOUND_PADDING

CAPPED_FRAME_RATE: Final = 30.0
RAISED_FRAME_RATE: Final = 10.0
"""Frames a second: what more than the most becomes, and what less than the least becomes."""

_GOOD_BYTES: Final = {Kind.IMAGE: 200_000.0, Kind.VIDEO: 250_000.0, Kind.AUDIO: 16_000.0}
_LEAST_BYTES: Final = {Kind.IMAGE: 5_000.0, Kind.VIDEO: 20_000.0, Kind.AUDIO: 2_000.0}
"""Bytes for a picture, for a second of film or sound: that look or sound well, and below which nothing is made."""

_COPIED: Final = 1.02
_COPY_OVERHEAD: Final = 64_000
"""How much larger a file may be after its streams were copied into another container: share, and bytes."""

_TIME_TOLERANCE: Final = 0.005
_EXACT: Final = 1e-9
_UNSEEN: Final = 0.002
"""Share by which an aspect may be off without anybody seeing it."""

_SIDE_GIVEN_UP: Final = 0.04
"""How much of a side may be given up for an exact aspect (16:9 is 1280×720 rather than 1284×722)."""

Size = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class _File:
    """One usable file while the plan is made. `weight`: what its share of the bytes goes by."""

    index: int
    record: Record
    facts: MediaFacts
    kind: Kind
    steps: set[Step]
    seconds: float = 0.0
    natural: float = 0.0
    max_bytes: int | None = None
    notes: set[str] = field(default_factory=set[str])

    @property
    def recoded(self) -> bool:
        """It is encoded anew, so its bytes are ours to choose."""
        return bool(self.steps & {Step.TRANSCODE, Step.TO_STILL})

    @property
    def weight(self) -> float:
        return 1.0 if self.kind is Kind.IMAGE else max(self.seconds, 0.1)

    @property
    def fixed_bytes(self) -> int:
        """What it comes to when it is not encoded anew."""
        size = self.facts.byte_count
        return size if not self.steps else math.ceil(size * _COPIED) + _COPY_OVERHEAD

    def recode(self, *steps: Step) -> None:
        self.steps.discard(Step.REMUX)
        self.steps.update(steps, {Step.TRANSCODE})


def plan(
    records: Sequence[Record],
    limits: ModelLimits,
    parts: Mapping[int, Part] | None = None,
    *,
    names: Sequence[str] = (),
) -> SetPlan:
    """The plan over all records, in their order. `parts`: a person's choices by index, for files that are cut.

    Rejected records stay out (`target=None`) and count for nothing. `names` fill the sentences of refusals.
    """
    files = [file for index, record in enumerate(records) if (file := _file(index, record, limits)) is not None]
    if records and not files:
        whys = tuple(record.why for record in records if record.why is not None)
        return _answer(records, Verdict.REJECT, "nothing_usable", whys)
    named = [names[file.index] if file.index < len(names) else f"#{file.index + 1}" for file in files]
    refusals = [*_count_refusals(files, limits, named), *_lonely_sound(files, limits, named)]
    for kind, allowed in limits.kinds.items():
        own = [file for file in files if file.kind is kind]
        refusals += _fit_seconds(own, kind, allowed) if own else []
        refusals += _fit_bytes(own, kind, allowed) if own and not refusals else []
    targets: dict[int, Target] = {}
    for file, name in zip(files, named, strict=True) if not refusals else ():
        if not file.steps:
            continue
        target = _target(file, limits.kinds[file.kind], (parts or {}).get(file.index, Part()))
        if target is None:
            refusals.append(_no_size(file, limits.kinds[file.kind], name))
        else:
            targets[file.index] = target
    if refusals:
        return _answer(records, Verdict.REJECT, refusals[0][0], tuple(why for _, why in refusals))
    return _planned(records, files, targets)


def _planned(records: Sequence[Record], files: Sequence[_File], targets: Mapping[int, Target]) -> SetPlan:
    steps = {file.index: tuple(step for step in Step if step in file.steps) for file in files}
    plans = tuple(
        FilePlan(record=record, target=targets.get(index), steps=steps.get(index, ()))
        for index, record in enumerate(records)
    )
    notes = set[str]().union(*(file.notes for file in files))
    code = next((code for code in ("duration_budget", "bytes_budget") if code in notes), None)
    if not targets:
        return SetPlan(verdict=Verdict.ACCEPT, code="ok", files=plans)
    return SetPlan(verdict=Verdict.CONVERT, code=code or "files_converted", files=plans)


def _answer(records: Sequence[Record], verdict: Verdict, code: str, reasons: tuple[Reason, ...]) -> SetPlan:
    files = tuple(FilePlan(record=record) for record in records)
    return SetPlan(verdict=verdict, code=code, files=files, reasons=reasons)


def _file(index: int, record: Record, limits: ModelLimits) -> _File | None:
    """A usable file, or nothing."""
    facts = record.facts
    if record.verdict is Verdict.REJECT or facts is None or record.kind is None:
        return None
    still = Step.TO_STILL in record.steps
    kind = Kind.IMAGE if still else record.kind
    if kind not in limits.kinds:
        return None
    file = _File(index=index, record=record, facts=facts, kind=kind, steps=set(record.steps))
    if kind is not Kind.IMAGE:
        file.natural = facts.seconds or 0.0
        least = limits.kinds[kind].min_seconds_together
        file.seconds = max(file.natural, least or 0.0) if Step.LOOP in file.steps else file.natural
    file.steps.discard(Step.TRIM)  # how much is cut is the set's to say
    return file


# --- what a set is refused for ----------------------------------------------------------------------------------------

_Refusal = tuple[str, Reason]


def _count_refusals(files: Sequence[_File], limits: ModelLimits, names: Sequence[str]) -> list[_Refusal]:
    found: list[_Refusal] = []
    for kind, allowed in limits.kinds.items():
        own = [name for file, name in zip(files, names, strict=True) if file.kind is kind]
        if len(own) > allowed.max_count:
            why = reason(
                "too-many-of-kind",
                count=len(own),
                kind=kind.value,
                names=listed(own),
                limit=allowed.max_count,
                surplus=len(own) - allowed.max_count,
            )
            found.append((f"too_many_{kind.value}s", why))
    if len(files) > limits.max_files:
        surplus = len(files) - limits.max_files
        why = reason(
            "too-many-references",
            count=len(files),
            names=listed(names),
            limit=limits.max_files,
            surplus=surplus,
        )
        found.append(("too_many_files", why))
    return found


def _lonely_sound(files: Sequence[_File], limits: ModelLimits, names: Sequence[str]) -> list[_Refusal]:
    if not limits.audio_needs_visual or not files or any(file.kind is not Kind.AUDIO for file in files):
        return []
    return [("audio_needs_visual", reason("audio-needs-visual", names=listed(names)))]


def _no_size(file: _File, allowed: KindLimits, name: str) -> _Refusal:
    width, height, limit = file.facts.width or 0, file.facts.height or 0, allowed.max_area_pixels or 0
    why = reason("frame-too-large", name=name, width=width, height=height, limit=f"{limit:,}")
    return "resolution_impossible", why


# --- seconds ----------------------------------------------------------------------------------------------------------


def _fit_seconds(files: Sequence[_File], kind: Kind, allowed: KindLimits) -> list[_Refusal]:
    """Cuts the longest, so that all together last no longer than they may. Refuses what is too short together."""
    if kind is Kind.IMAGE:
        return []
    most, least = allowed.max_seconds_together, allowed.min_seconds_together
    together = sum(file.seconds for file in files)
    if most is not None and together > most + _tolerance(files):
        _cut_to(files, _common_length([file.seconds for file in files], most))
        together = sum(file.seconds for file in files)
    if least is not None and together < least - _TIME_TOLERANCE:
        why = reason("kind-too-short-together", kind=kind.value, seconds=f"{together:.1f}", limit=f"{least:g}")
        return [(f"combined_{kind.value}_too_short", why)]
    return []


def _tolerance(files: Sequence[_File]) -> float:
    """Seconds that may be too many: what MP3 adds to sounds that are sent as they are, and rounding."""
    padded = sum(file.facts.format == "mp3" and not file.steps for file in files)
    return _TIME_TOLERANCE + SOUND_PADDING * padded


def _common_length(lengths: Sequence[float], most: float) -> float:
    """The length to which longer ones are cut, so that all together last `most`."""
    left = most
    for count, length in zip(range(len(lengths), 0, -1), sorted(lengths), strict=True):
        if length * count >= left:
            return left / count
        left -= length
    return max(lengths)


def _cut_to(files: Sequence[_File], length: float) -> None:
    for file in files:
        if file.seconds > length:
            file.seconds = _whole_frames(length, _output_rate(file))
            file.recode(*((Step.TRIM,) if file.natural > file.seconds else ()))
            file.notes.add("duration_budget")


def _whole_frames(seconds: float, rate: float | None) -> float:
    """No longer than `seconds`, in milliseconds, and ended where a frame ends: the last one counts whole."""
    if rate:
        frames = math.floor(seconds * rate + 1e-6)
        seconds = frames / rate if frames else seconds
    return math.floor(seconds * 1000 + 1e-6) / 1000


def _output_rate(file: _File) -> float | None:
    """Frames a second of what is written; `None` for sound and where the file's own is not known."""
    rate = file.record.measured.frame_rate if file.kind is Kind.VIDEO else None
    if rate is None or Step.FRAME_RATE not in file.steps:
        return rate
    return CAPPED_FRAME_RATE if rate > MAX_FRAME_RATE else RAISED_FRAME_RATE


# --- bytes ------------------------------------------------------------------------------------------------------------


def _fit_bytes(files: Sequence[_File], kind: Kind, allowed: KindLimits) -> list[_Refusal]:
    """Gives every file that is encoded its bytes, and encodes as many as must be for all to fit together."""
    each, together = allowed.max_bytes_each, allowed.max_bytes_together
    for file in files:
        if each is not None and not file.recoded and file.fixed_bytes > each:
            _shrink(file)
    if together is not None:
        _make_room(files, kind, together)
        recoded = [file for file in files if file.recoded]
        left = together - sum(file.fixed_bytes for file in files if not file.recoded)
        weight = sum(file.weight for file in recoded)
        for file in recoded:
            file.max_bytes = int(left * file.weight / weight)
    for file in files:
        if file.recoded and each is not None:
            file.max_bytes = each if file.max_bytes is None else min(each, file.max_bytes)
    if all(file.max_bytes is None or file.max_bytes >= _LEAST_BYTES[kind] * file.weight for file in files):
        return []
    size, limit = sum(file.facts.byte_count for file in files), together or each or 0
    why = reason("kind-too-large-together", kind=kind.value, size=byte_size(size), limit=byte_size(limit))
    return [("bytes_budget", why)]


def _make_room(files: Sequence[_File], kind: Kind, together: int) -> None:
    """Encodes the most wasteful files anew, one by one, until those that are encoded have enough bytes to look well."""
    fixed = sorted((file for file in files if not file.recoded), key=lambda file: file.fixed_bytes / file.weight)
    while fixed:
        left = together - sum(file.fixed_bytes for file in fixed)
        needed = sum(file.weight for file in files if file.recoded) * _GOOD_BYTES[kind]
        if left >= 0 and left >= needed:
            return
        if left >= 0 and fixed[-1].fixed_bytes <= fixed[-1].weight * _GOOD_BYTES[kind]:
            return  # those that are left are modest: encoding them would gain nothing
        _shrink(fixed.pop())


def _shrink(file: _File) -> None:
    file.recode(Step.SHRINK)
    file.notes.add("bytes_budget")


# --- targets ----------------------------------------------------------------------------------------------------------


def _target(file: _File, allowed: KindLimits, part: Part) -> Target | None:
    """What the file becomes; `None` when there is no size that fits."""
    if file.kind is Kind.AUDIO:
        return _sound_target(file, allowed, part)
    facts, film = file.facts, file.kind is Kind.VIDEO
    wanted = fitted((facts.width or 0, facts.height or 0), allowed, even=film)
    if wanted is None:
        return None
    target_format = _film_format(allowed) if film else _picture_format(file, allowed)
    if not film:
        return Target(
            format=target_format,
            kind=Kind.IMAGE,
            width=wanted[0],
            height=wanted[1],
            max_bytes=file.max_bytes,
            still=Step.TO_STILL in file.steps,
        )
    start, seconds = _window(file, part)
    looped = Step.LOOP in file.steps and file.seconds > file.natural
    return Target(
        format=target_format,
        kind=Kind.VIDEO,
        width=wanted[0],
        height=wanted[1],
        start_seconds=start,
        seconds=seconds,
        loop_to_seconds=file.seconds if looped else None,
        frame_rate=_output_rate(file) if Step.FRAME_RATE in file.steps else None,
        max_bytes=file.max_bytes,
        copy=Step.REMUX in file.steps,
        tonemap=file.record.measured.hdr,
    )


def _sound_target(file: _File, allowed: KindLimits, part: Part) -> Target:
    start, seconds = _window(file, part)
    form = "mp3" if "mp3" in allowed.formats or not allowed.formats else allowed.formats[0]
    return Target(format=form, kind=Kind.AUDIO, start_seconds=start, seconds=seconds, max_bytes=file.max_bytes)


def _window(file: _File, part: Part) -> tuple[float, float | None]:
    """Where the part that is used begins and how long it is; all of it when nothing is cut."""
    spare = file.natural - file.seconds
    if Step.TRIM not in file.steps or spare <= 0:
        return 0.0, None
    starts = {
        Anchor.START: 0.0,
        Anchor.MIDDLE: spare / 2,
        Anchor.END: spare,
        Anchor.AT: min(max(part.at_seconds, 0.0), spare),
    }
    return math.floor(starts[part.anchor] * 1000) / 1000, file.seconds


def _film_format(allowed: KindLimits) -> str:
    return "mp4" if "mp4" in allowed.formats or not allowed.formats else allowed.formats[0]


def _picture_format(file: _File, allowed: KindLimits) -> str:
    """Its own format if it may stay; else PNG for what is drawn or see-through, and JPEG for photographs."""
    offered = allowed.formats or ("jpeg", "png")
    drawn = file.record.measured.alpha or file.facts.format in {"gif", "ico", "bmp"} or file.record.measured.animated
    wishes = ["png", "webp", "jpeg"] if drawn else ["jpeg", "png", "webp"]
    if Step.SHRINK in file.steps:
        wishes = ["webp", "jpeg", "png"] if file.record.measured.alpha else ["jpeg", "webp", "png"]
    elif file.facts.kind is Kind.IMAGE:
        wishes.insert(0, file.facts.format)
    return next((form for form in wishes if form in offered), offered[0])


def fitted(size: Size, allowed: KindLimits, *, even: bool) -> Size | None:
    """The size nearest to this one, of nearly the same aspect, whose area is allowed; `even` sides for 4:2:0.

    `None` when there is none.
    """
    low, high = allowed.min_area_pixels or 1, allowed.max_area_pixels or math.inf
    step = 2 if even else 1
    width, height = size
    if width % step == 0 and height % step == 0 and low <= width * height <= high:
        return size
    if min(size) <= 0 or low > high:
        return None
    area = min(max(width * height, low), high)
    down = width * height >= area
    ideal = height * math.sqrt(area / (width * height))
    return _best(ideal, width / height, (low, high), step=step, down=down)


def _best(ideal: float, aspect: float, area: tuple[float, float], *, step: int, down: bool) -> Size | None:
    """The most faithful size near the ideal height; of equally faithful ones, the nearest to it."""
    reach = max(step * 3, ideal * _SIDE_GIVEN_UP)
    first, last = (ideal - reach, ideal + step) if down else (ideal - step, ideal + reach)
    candidates: list[tuple[int, float, Size]] = []
    for height in range(max(step, math.floor(first / step) * step), math.ceil(last / step) * step + 1, step):
        exact = height * aspect
        for width in {max(step, math.floor(exact / step) * step), max(step, math.ceil(exact / step) * step)}:
            if area[0] <= width * height <= area[1]:
                error = abs(width / height / aspect - 1)
                grade = 0 if error < _EXACT else 1 + int(error / _UNSEEN)
                candidates.append((grade, abs(height - ideal), (width, height)))
    return min(candidates)[2] if candidates else None
