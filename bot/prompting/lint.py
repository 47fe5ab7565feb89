"""What can be said of a prompt and its references as a whole: counts, lengths, what is missing, what is unused."""

from collections.abc import Iterator, Sequence

from bot.domain.media import Kind
from bot.domain.models import ModelLimits
from bot.domain.prompts import Finding, Mention, Prompt, PromptStyle, Severity
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference, of_kind
from bot.domain.words import listed
from bot.prompting.register import token_of
from bot.prompting.tokens import natural_numbering, render

_VISUAL = frozenset({Kind.IMAGE, Kind.VIDEO})


def lint(
    prompt: Prompt,
    findings: Sequence[Finding],
    references: Sequence[Reference],
    limits: ModelLimits,
    style: PromptStyle,
) -> tuple[Finding, ...]:
    """Errors first. While a mention itself is wrong, nothing is said of unused files: it may have meant them."""
    errors = (*_prompt_errors(prompt, references, limits, style), *_set_errors(references, limits))
    mistaken = any(finding.severity is Severity.ERROR for finding in findings)
    warnings = () if mistaken else tuple(_unused(prompt, references))
    return (
        *(Finding(reason=why, severity=Severity.ERROR) for why in errors),
        *(Finding(reason=why, severity=Severity.WARNING) for why in warnings),
    )


def _prompt_errors(
    prompt: Prompt, references: Sequence[Reference], limits: ModelLimits, style: PromptStyle
) -> Iterator[Reason]:
    """Counts what the model reads, in the natural numbering."""
    if not any(isinstance(part, Mention) or part.text.strip() for part in prompt.segments):
        yield reason("empty-prompt")
    count = len(render(prompt, style, natural_numbering(references)))
    if count > limits.max_prompt_characters:
        yield reason("prompt-too-long", count=count, limit=limits.max_prompt_characters)


def _set_errors(references: Sequence[Reference], limits: ModelLimits) -> Iterator[Reason]:
    if len(references) > limits.max_files:
        surplus = len(references) - limits.max_files
        yield reason(
            "too-many-references",
            count=len(references),
            names=_names(references),
            limit=limits.max_files,
            surplus=surplus,
        )
    for kind, of in limits.kinds.items():
        some = of_kind(references, kind)
        surplus = len(some) - of.max_count
        if surplus > 0:
            yield reason(
                "too-many-of-kind",
                count=len(some),
                kind=kind.value,
                names=_names(some),
                limit=of.max_count,
                surplus=surplus,
            )
    if limits.audio_needs_visual and references and not any(reference.kind in _VISUAL for reference in references):
        yield reason("audio-needs-visual", names=_names(references))


def _names(references: Sequence[Reference]) -> str:
    return listed([reference.name for reference in references])


def _unused(prompt: Prompt, references: Sequence[Reference]) -> Iterator[Reason]:
    mentioned = frozenset(prompt.mentioned)
    unused = [reference for reference in references if reference.id not in mentioned]
    if references and len(unused) == len(references):
        yield reason("no-reference-mentioned")
        return
    for reference in unused:
        yield reason("unused-reference", token=token_of(reference), name=reference.name)
