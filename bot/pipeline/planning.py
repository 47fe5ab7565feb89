"""What a request's files become: why it cannot be, how it is fixed, and what of it is made already. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.domain.conform import FilePlan, SetPlan, Verdict
from bot.domain.models import ModelSpec
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference
from bot.domain.words import byte_size
from bot.pipeline.rooms import Rooms


def plan_reasons(rooms: Rooms, references: Sequence[Reference], plan: SetPlan, spec: ModelSpec) -> tuple[Reason, ...]:
    """Why these files cannot go to the model by that plan: all together, each as it is, or past the publisher."""
    return (*model_reasons(rooms, references, plan, spec), *publisher_reasons(rooms, references, plan))


def model_reasons(rooms: Rooms, references: Sequence[Reference], plan: SetPlan, spec: ModelSpec) -> tuple[Reason, ...]:
    """Why the model would not take them: all together, or each as it is."""
    files = zip(references, plan.files, strict=True)
    # Where the whole is refused, nothing is known of what a single file would have become.
    untouched = [] if plan.reasons else [each for each, file in files if file.target is None]
    return (*plan.reasons, *rooms.file_reasons(untouched, spec))


def publisher_reasons(rooms: Rooms, references: Sequence[Reference], plan: SetPlan) -> tuple[Reason, ...]:
    """Why they could not be brought to the model, as they are planned."""
    files = zip(references, plan.files, strict=True)
    return tuple(_publisher_reasons(rooms, [_as_planned(each, file, plan) for each, file in files]))


def fixed(references: Sequence[Reference], plan: SetPlan) -> tuple[Reference, ...]:
    """As they are confirmed: what is sent is what that plan says, so nothing stays that was made for another one.

    Each has its record from here on: what has none was accepted by a release that fixed no plan (`is_fixed`).
    """
    return tuple(
        replace(each, record=each.decided, target=file.target, made=each.made if is_made(each, file) else None)
        for each, file in zip(references, plan.files, strict=True)
    )


def is_fixed(references: Sequence[Reference]) -> bool:
    """False for accepted references of an earlier release: what they become is not written down."""
    return all(each.record is not None for each in references)


def is_as_fixed(references: Sequence[Reference], plan: SetPlan) -> bool:
    """True when the plan is what was confirmed; where that is not written down, what is made has to be of this plan."""
    files = tuple(zip(references, plan.files, strict=True))
    if is_fixed(references):
        return all(each.target == file.target for each, file in files)
    return all(each.made is None or is_made(each, file) for each, file in files)


def is_made(reference: Reference, file: FilePlan) -> bool:
    """True when what the plan asks for was made of it before."""
    return reference.made is not None and reference.made.target == file.target


def _publisher_reasons(rooms: Rooms, references: Sequence[Reference]) -> Iterator[Reason]:
    publisher = rooms.publisher
    for reference in references:
        code = publisher.refusal(reference)
        if code is not None:
            size, limit = byte_size(reference.facts.byte_count), byte_size(publisher.max_bytes_each)
            yield reason(code, name=reference.name, size=size, limit=limit)


def _as_planned(reference: Reference, file: FilePlan, plan: SetPlan) -> Reference:
    """As the publisher is to get it: of the target's format and kind, and at most as large as that may be."""
    target, facts = file.target, reference.facts
    if target is not None:
        byte_count = facts.byte_count if target.max_bytes is None else target.max_bytes
        facts = replace(facts, kind=target.kind, format=target.format, byte_count=byte_count)
    elif plan.verdict is Verdict.REJECT:
        facts = replace(facts, byte_count=0)
    return replace(reference, facts=facts)
