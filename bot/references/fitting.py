"""The limits that one file is held against when it is collected, before the others of its request are known. Pure."""

from dataclasses import replace

from bot.domain.conform import Record, Step
from bot.domain.models import KindLimits, ModelLimits


def carried(limits: ModelLimits, max_bytes_each: int) -> ModelLimits:
    """The model's limits where no file may be larger than that, as our publisher has it; kinds it takes none of go."""
    kinds = {kind: _no_larger(each, max_bytes_each) for kind, each in limits.kinds.items() if each.max_count > 0}
    return replace(limits, kinds=kinds)


def alone(limits: ModelLimits, record: Record) -> ModelLimits:
    """The limits without what others of a set may make good: too few seconds, and sound without a picture.

    What is played again until it lasts long enough keeps that length.
    """
    if Step.LOOP in record.steps:
        return replace(limits, audio_needs_visual=False)
    kinds = {kind: replace(each, min_seconds_together=None) for kind, each in limits.kinds.items()}
    return replace(limits, kinds=kinds, audio_needs_visual=False)


def _no_larger(limits: KindLimits, max_bytes: int) -> KindLimits:
    most = max_bytes if limits.max_bytes_each is None else min(limits.max_bytes_each, max_bytes)
    return replace(limits, max_bytes_each=most)
