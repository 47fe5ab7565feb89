"""The reasons of findings, with what they quote. Nothing quoted can ping, and nothing is longer than it needs to be."""

import re
from collections.abc import Sequence

from bot.domain.media import Kind
from bot.domain.reasons import Reason, reason
from bot.domain.references import Reference, of_kind
from bot.domain.words import say
from bot.prompting.register import Register

_MAX_QUOTED = 60
_PING = re.compile(r"@(?=everyone|here)", re.IGNORECASE)


def unknown(mention: str, kind: Kind | None, nearest: Sequence[Reference], known: Register) -> Reason:
    """Points nowhere: what there is, and what may have been meant."""
    return reason(
        "unknown-reference",
        mention=quoted(mention),
        existing=known.once(("existing", kind), lambda: _existing(kind, known.references)),
        nearest=say(reason("nearest-references", references=_listed(nearest, " or "))) if nearest else "",
    )


def ambiguous(mention: str, candidates: Sequence[Reference]) -> Reason:
    """Points to several files."""
    return reason("ambiguous-reference", mention=quoted(mention), candidates=_listed(candidates, " or "))


def shadowed(mention: str, meant: Reference, hidden: Reference) -> Reason:
    """A number won over a file of that name."""
    instead = f'@"{hidden.name}"' if hidden.stem == hidden.name or " " in hidden.name else f"@{hidden.name}"
    return reason("name-shadowed", mention=quoted(mention), token=meant.token, name=hidden.name, instead=instead)


def loose_unresolved(mention: str) -> Reason:
    """Might have been a mention; stays text."""
    return reason("loose-mention-unresolved", mention=quoted(mention))


def replaced(mention: str, replacement: str) -> Reason:
    """Discord's markup became text."""
    return reason("mention-replaced", mention=quoted(mention), replacement=quoted(replacement))


def quoted(text: str) -> str:
    """A piece of the prompt for a sentence: at most 60 characters, on one line, and without a ping."""
    line = " ".join(text.split())
    short = line if len(line) <= _MAX_QUOTED else f"{line[: _MAX_QUOTED - 1]}…"
    return _PING.sub("@\u200b", short)


def _existing(kind: Kind | None, references: Sequence[Reference]) -> str:
    """What there is of the kind; of everything when there is none of it, or no kind was said."""
    same = of_kind(references, kind) if kind else ()
    if same and kind:
        return say(reason("existing-of-kind", count=len(same), kind=kind.value, references=_listed(same, ", ")))
    if not references:
        return say(reason("existing-nothing"))
    return say(reason("existing-references", count=len(references), references=_listed(references, ", ")))


def _listed(references: Sequence[Reference], between: str) -> str:
    return between.join(f"{reference.token} {reference.name}" for reference in references)
