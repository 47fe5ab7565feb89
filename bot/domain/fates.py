"""What becomes of a file, as a sentence for people. Pure: records and plans in, words of the catalogue out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bot.domain.conform import FilePlan, Made, Record, Remark, Step, Target, Verdict
from bot.domain.media import MediaFacts
from bot.domain.reasons import reason
from bot.domain.words import byte_size, phrase, say

_REMARKS: Final[Mapping[Remark, str]] = {
    Remark.UPSCALED: "remark-upscaled",
    Remark.SALVAGED: "remark-salvaged",
    Remark.SHORT: "remark-short",
    Remark.MISLABELLED: "remark-mislabelled",
}


def fate(record: Record, name: str) -> str:
    """What is to be done with a file by itself, and what there is to know about it."""
    return _fate(record, name, record.steps, None)


def planned_fate(plan: FilePlan, name: str) -> str:
    """What becomes of a file within its request: `“walk.mov” …: 3840×2160 → 1280×720, the first 8 of 21 s.`."""
    return _fate(plan.record, name, plan.steps, plan.target)


def changes(plan: FilePlan) -> str:
    """What is done to a file that is changed: `HEIC → JPEG, 4032×3024 → 2048×1536`, `the first 15 of 21 s`."""
    salvaged = [phrase("salvaged")] if Remark.SALVAGED in plan.record.remarks else []
    return ", ".join([*salvaged, *_changes(plan.record, plan.steps, plan.target)])


def told(plan: FilePlan) -> str:
    """What is done to a file and what there is to know about it, without its name; empty when there is nothing.

    `3840×2160 → 1280×720, the first 8 of 21 s. Its name's ending does not say what it is: it is MOV.`
    """
    done = changes(plan) if plan.steps else ""
    known = _remarks(plan.record, but=Remark.SALVAGED if done else None)
    return " ".join([f"{done}." if done and known else done, *known]).strip()


def became(facts: MediaFacts, made: Made) -> tuple[str, ...]:
    """What a file was and what was made of it, for a list: `3840×2160 → 1280×720`, `seconds 3 to 11 of 21`, and so on.

    What stayed as it was is said once. `facts` are those of the file as it came.
    """
    new, target = made.facts, made.target
    old_format, new_format = facts.format.upper(), new.format.upper()
    parts = (
        phrase("new_format", found=old_format, format=new_format) if old_format != new_format else "",
        _from_to(_size(facts), _size(new)),
        _lasting(facts, new, target),
        _from_to(byte_size(facts.byte_count), byte_size(new.byte_count)),
    )
    return tuple(part for part in parts if part)


def _lasting(facts: MediaFacts, new: MediaFacts, target: Target) -> str:
    """The part that was used, or how long it was and is."""
    if target.seconds is None or facts.seconds is None:
        return _from_to(_length(facts), _length(new))
    first, last = _short(target.start_seconds), _short(target.start_seconds + target.seconds)
    return phrase("used_part", first=first, last=last, whole=_short(facts.seconds))


def _from_to(old: str, new: str) -> str:
    return f"{old} → {new}" if old and new and old != new else new


def _size(facts: MediaFacts) -> str:
    return f"{facts.width}×{facts.height}" if facts.width and facts.height else ""


def _length(facts: MediaFacts) -> str:
    return f"{facts.seconds:.1f} s" if facts.seconds else ""


def _remarks(record: Record, *, but: Remark | None = None) -> list[str]:
    """Sentences; `but` one that is said otherwise."""
    found = record.facts.format.upper() if record.facts is not None else ""
    return [say(reason(_REMARKS[remark], format=found)) for remark in record.remarks if remark is not but]


def _fate(record: Record, name: str, steps: Sequence[Step], target: Target | None) -> str:
    if record.verdict is Verdict.REJECT:
        return "" if record.why is None else say(record.why)
    done = ", ".join(_changes(record, steps, target))
    used = reason("used-after-change", name=name, changes=done) if done else reason("used-as-it-is", name=name)
    return " ".join([say(used), *_remarks(record)])


def _changes(record: Record, steps: Sequence[Step], target: Target | None) -> Iterator[str]:
    """Exact words where there is a target, and the plain ones for the rest."""
    exact = dict(_exact(record, target)) if target is not None else {}
    for step in steps:
        if step in exact:
            yield exact[step]
        elif step is not Step.TRANSCODE or len(steps) == 1 or not exact:
            yield phrase(step.value)


def _exact(record: Record, target: Target) -> Iterator[tuple[Step, str]]:
    """By the step that they say more exactly: the format, the size, the part."""
    facts = record.facts
    if facts is None:
        return
    if target.format != facts.format:
        code = Step.REMUX if target.copy else Step.TO_STILL if target.still else Step.TRANSCODE
        plain = phrase(code.value) + ", " if code is not Step.TRANSCODE else ""
        yield code, plain + phrase("new_format", found=facts.format.upper(), format=target.format.upper())
    size = facts.width or 0, facts.height or 0
    if target.width and target.height and size != (target.width, target.height):
        new = {"new_width": target.width, "new_height": target.height}
        text = phrase("new_size", width=size[0], height=size[1], **new)
        yield from ((step, text) for step in (Step.DOWNSCALE, Step.UPSCALE))
    rate = record.measured.frame_rate
    if target.frame_rate is not None and rate is not None:
        yield Step.FRAME_RATE, phrase("new_rate", found=_short(rate), rate=_short(target.frame_rate))
    if target.seconds is not None and facts.seconds is not None:
        yield Step.TRIM, _part(target.start_seconds, target.seconds, facts.seconds)


def _part(start: float, seconds: float, whole: float) -> str:
    lengths = {"seconds": _short(seconds), "whole": _short(whole)}
    if not start:
        return phrase("new_start", **lengths)
    return phrase("new_part", start=_short(start), **lengths)


def _short(seconds: float) -> str:
    return f"{round(seconds, 1):g}"
