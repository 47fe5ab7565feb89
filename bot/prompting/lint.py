"""What can be said of a prompt and its references as a whole: counts, lengths, what is missing, what is unused."""

import unicodedata
from collections.abc import Iterator, Sequence

from bot.domain.media import Kind
from bot.domain.models import ModelLimits
from bot.domain.prompts import Finding, Mention, Numbering, Prompt, PromptStyle, Severity
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference, of_kind
from bot.domain.words import listed
from bot.prompting.tokens import written_out

_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe0e\ufe0f\uffa0")
"""Letters, marks and signs that show nothing."""

_VISUAL = frozenset({Kind.IMAGE, Kind.VIDEO})


def lint(
    text: str,
    prompt: Prompt,
    findings: Sequence[Finding],
    references: Sequence[Reference],
    limits: ModelLimits,
    style: PromptStyle,
    numbering: Numbering,
) -> tuple[Finding, ...]:
    """Errors first. While a mention itself is wrong, nothing is said of unused files: it may have meant them.

    `style` and `numbering` are the model's: what it reads is counted. Missing mentions are mended at the text's end.
    """
    errors = (*_prompt_errors(prompt, limits, style, numbering), *_set_errors(references, limits))
    mistaken = any(finding.severity is Severity.ERROR for finding in findings)
    return (
        *(Finding(reason=why, severity=Severity.ERROR) for why in errors),
        *(() if mistaken else _unused(text, prompt, references)),
    )


def _prompt_errors(prompt: Prompt, limits: ModelLimits, style: PromptStyle, numbering: Numbering) -> Iterator[Reason]:
    if not any(isinstance(part, Mention) or _is_visible(part.text) for part in prompt.segments):
        yield reason("empty-prompt")
    count = len(written_out(prompt.segments, style, numbering))
    if count > limits.max_prompt_characters:
        yield reason("prompt-too-long", count=count, limit=limits.max_prompt_characters)


def _is_visible(text: str) -> bool:
    return not all(sign in _BLANK or unicodedata.category(sign) in _INVISIBLE for sign in text)


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


def _unused(text: str, prompt: Prompt, references: Sequence[Reference]) -> Iterator[Finding]:
    mentioned = frozenset(prompt.mentioned)
    unused = [reference for reference in references if reference.id not in mentioned]
    if references and len(unused) == len(references):
        yield _missing(text, reason("no-reference-mentioned"), references)
        return
    for reference in unused:
        why = reason("unused-reference", token=reference.token, name=reference.name)
        yield _missing(text, why, [reference])


def _missing(text: str, why: Reason, references: Sequence[Reference]) -> Finding:
    """Mended by adding the references at the end."""
    gap = " " if text and not text[-1].isspace() else ""
    mend = gap + " ".join(reference.token for reference in references)
    return Finding(reason=why, severity=Severity.WARNING, start=len(text), end=len(text), mends=(mend,))
