"""The parsed prompt: segments, numbering, styles, findings. The language itself is `bot.prompting`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.media import Kind
from bot.domain.reasons import Reason

_PROOF_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Text:
    """Plain words, as they reach the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Mention:
    """Points to a reference by its stable id; never by a number."""

    reference_id: str


Segment = Text | Mention


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as segments. Adjacent texts are merged by whoever builds it."""

    segments: tuple[Segment, ...]

    @property
    def mentioned(self) -> tuple[str, ...]:
        """The ids of the references pointed to, each once, in order of appearance."""
        return tuple(dict.fromkeys(part.reference_id for part in self.segments if isinstance(part, Mention)))


class PromptStyle(StrEnum):
    """How a model writes its tokens; `value` is the first image's token."""

    AT = "@Image1"
    BRACKET = "[Image 1]"

    def token(self, kind: Kind, number: int) -> str:
        """The token of the `number`-th (from 1) reference of a kind."""
        return f"@{kind.word}{number}" if self is PromptStyle.AT else f"[{kind.word} {number}]"


@dataclass(frozen=True, slots=True)
class Numbering:
    """The vendor's numbers: reference id → (kind, number from 1 within the kind)."""

    numbers: Mapping[str, tuple[Kind, int]]


class Severity(StrEnum):
    """Errors stop a request; warnings are shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What lint says: a reason, and the half-open span `start:end` in the source text it is about.

    `mends` are texts each of which, put in the place of `start:end`, settles it: one is a one-click mend, several are
    a choice that only the person can make, none means that there is nothing to click.
    """

    reason: Reason
    severity: Severity
    start: int = 0
    end: int = 0
    mends: tuple[str, ...] = ()


def mended(text: str, finding: Finding, choice: int) -> str:
    """The source text with the finding's `choice`-th mend in place. `IndexError` when there is none."""
    return text[: finding.start] + finding.mends[choice] + text[finding.end :]


def mend_proof(finding: Finding, choice: int) -> str:
    """What the finding's `choice`-th mend puts where, as 12 hex digits: the same for no other change of that text.

    Findings are computed anew each time and may have moved up or down; the proof stays. `IndexError` as `mended`.
    """
    change = f"{finding.start}:{finding.end}:{finding.mends[choice]}"
    return hashlib.sha256(change.encode("utf-8", "surrogatepass")).hexdigest()[:_PROOF_DIGITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What Discord's mentions in a prompt are called here: Discord id → the name to show."""

    people: Mapping[int, str] = field(default_factory=dict[int, str])
    roles: Mapping[int, str] = field(default_factory=dict[int, str])
    channels: Mapping[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True)
class Parsed:
    """The outcome of `bot.prompting.parse`."""

    prompt: Prompt
    findings: tuple[Finding, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop the request."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)
