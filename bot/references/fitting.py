"""The limits that one file is held against when it is collected, before the others of its request are known. Pure."""

from dataclasses import replace

from bot.domain.conform import Record, Step
from bot.domain.models import ModelLimits


def alone(limits: ModelLimits, record: Record) -> ModelLimits:
    """The limits without what others of a set may make good: too few seconds, and sound without a picture.

    What is played again until it lasts long enough keeps that length.
    """
    if Step.LOOP in record.steps:
        return replace(limits, audio_needs_visual=False)
    kinds = {kind: replace(each, min_seconds_together=None) for kind, each in limits.kinds.items()}
    return replace(limits, kinds=kinds, audio_needs_visual=False)
