"""What becomes of a file, as a sentence for people. Pure: records and plans in, words of the catalogue out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bot.domain.conform import FilePlan, Record, Remark, Step, Target, Verdict
from bot.domain.reasons import reason
from bot.domain.words import phrase, say

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


def _fate(record: Record, name: str, steps: Sequence[Step], target: Target | None) -> str:
    if record.verdict is Verdict.REJECT:
        return "" if record.why is None else say(record.why)
    found = record.facts.format.upper() if record.facts is not None else ""
    done = ", ".join(_changes(record, steps, target))
    used = reason("used-after-change", name=name, changes=done) if done else reason("used-as-it-is", name=name)
    return " ".join([say(used), *(say(reason(_REMARKS[remark], format=found)) for remark in record.remarks)])


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
    if target.seconds is not None and facts.seconds is not None:
        yield Step.TRIM, _part(target.start_seconds, target.seconds, facts.seconds)


def _part(start: float, seconds: float, whole: float) -> str:
    lengths = {"seconds": _short(seconds), "whole": _short(whole)}
    if not start:
        return phrase("new_start", **lengths)
    return phrase("new_part", start=_short(start), **lengths)


def _short(seconds: float) -> str:
    return f"{round(seconds, 1):g}"
