"""What the bot's side of conform needs: a plan as a job, and what its outcome has to be. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from bot.domain.conform import FilePlan, Target
from bot.domain.media import Kind
from bot.domain.models import KindLimits, ModelLimits
from bot.media.protocol import ConformSpec

_SLACK_SECONDS: Final = 0.1
"""An outcome may last this much longer than asked: a loop ends with a whole frame, codecs fill up their last one."""


def jobs_of(plan: FilePlan, target: Target) -> tuple[ConformSpec, ...]:
    """What to try, in order: where tracks are to be copied, copying, and then encoding after all."""
    encoding = _job_of(plan, replace(target, copy=False))
    whole = target.start_seconds == 0 and target.seconds is None and target.loop_to_seconds is None
    return (_job_of(plan, target), encoding) if target.copy and whole else (encoding,)


def limits_of(target: Target) -> ModelLimits:
    """The limits that this one outcome has to keep: those of its plan."""
    pixels = target.width * target.height if target.width and target.height else None
    lasts = max(filter(None, (target.seconds, target.loop_to_seconds)), default=None)
    limits = KindLimits(
        max_count=1,
        formats=(target.format,),
        max_bytes_each=target.max_bytes,
        max_seconds_together=None if lasts is None else lasts + _SLACK_SECONDS,
        min_area_pixels=pixels,
        max_area_pixels=pixels,
    )
    return ModelLimits(
        kinds={target.kind: limits},
        max_files=1,
        max_prompt_characters=0,
        audio_needs_visual=False,
        min_seconds=0,
        max_seconds=0,
    )


def listener(progress: Callable[[float], None] | None) -> Callable[[Mapping[str, object]], None]:
    """Hears a child's lines and passes on how far it is: 0 to 1, never backwards. What a child says may be anything."""
    furthest = 0.0

    def hear(line: Mapping[str, object]) -> None:
        nonlocal furthest
        done = line.get("progress")
        if progress is not None and isinstance(done, float) and furthest < done <= 1:
            furthest = done
            progress(done)

    return hear


def is_heavy(target: Target) -> bool:
    """True when making it may take minutes: moving pictures do."""
    return target.kind is Kind.VIDEO


def _job_of(plan: FilePlan, target: Target) -> ConformSpec:
    facts = plan.record.facts
    return {
        "format": target.format,
        "width": target.width,
        "height": target.height,
        "start_seconds": target.start_seconds,
        "seconds": target.seconds,
        "loop_to_seconds": target.loop_to_seconds,
        "frame_rate": target.frame_rate,
        "max_bytes": target.max_bytes,
        "copy": target.copy,
        "tonemap": target.tonemap,
        "still": target.still,
        "lasts": None if facts is None else facts.seconds,
    }
