"""What a request's files become: why it cannot be, and what of it is made already. Pure."""

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
    files = tuple(zip(references, plan.files, strict=True))
    # Where the whole is refused, nothing is known of what a single file would have become.
    untouched = [] if plan.reasons else [each for each, file in files if file.target is None]
    return (
        *plan.reasons,
        *rooms.file_reasons(untouched, spec),
        *_publisher_reasons(rooms, [_as_planned(each, file, plan) for each, file in files]),
    )


def of_that_plan(references: Sequence[Reference], plan: SetPlan) -> tuple[Reference, ...]:
    """The references without what was made of them for another plan: what is sent is what that plan says."""
    return tuple(
        each if is_made(each, file) else replace(each, made=None)
        for each, file in zip(references, plan.files, strict=True)
    )


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
