r"""Segments ⇄ the text that the model reads. `parse_rendered(render(p)) == p` for every prompt that `parse` made.

The reader of rendered text takes, from left to right, the first that fits: a whole run of address characters with the
URL or e-mail address it begins, then a token. So a token inside a URL is none, and `settled` sees to it that

* no text reads as a token (`@Image9` loses its `@`, `[Image 9]` its brackets), whatever the style;
* no token is followed by what would prolong it (`@Image1` + `2`), nor swallowed by a URL or an address before it.
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence

from bot.domain.media import Kind
from bot.domain.prompts import Mention, Numbering, Prompt, PromptStyle, Segment, Text
from bot.domain.references import Reference
from bot.prompting.boundaries import ends_word, glues

_KINDS = "|".join(kind.word for kind in Kind)
_RUN = r"[A-Za-z0-9._%+-]"
_DOMAIN = r"@(?:[A-Za-z0-9-]++\.(?=[A-Za-z0-9]))++[A-Za-z]{2,}+(?![A-Za-z0-9_-])"
_URL_REST = rf"(?:(?!\[(?:{_KINDS}) [0-9])[^\s<>\"，。！？、；：）」』】》”’])*+"
_ALONE = (
    rf"(?P<url>(?={_RUN}*?www\.[A-Za-z0-9]){_RUN}++{_URL_REST}"
    rf"|{_RUN}++(?:(?<=(?i:http))|(?<=(?i:https))|(?<=(?i:ftp)))://{_URL_REST})"
    rf"|(?P<address>{_RUN}++{_DOMAIN})"
)
_TOKENS = {
    PromptStyle.AT: rf"@(?P<kind>{_KINDS})(?P<number>[1-9][0-9]*+)",
    PromptStyle.BRACKET: rf"\[(?P<kind>{_KINDS}) (?P<number>[1-9][0-9]*+)\]",
}
_READERS = {style: re.compile(rf"{_ALONE}|{_RUN}++|{token}") for style, token in _TOKENS.items()}
_UNSAFE = re.compile(  # runs of signs are taken whole, so that none is read twice
    rf"{_ALONE}|(?P<run>{_RUN}++)"
    rf"|@++(?P<at>(?:{_KINDS})[0-9]++|(?i:everyone|here)(?!\w))?"
    rf"|\[++(?:(?P<bracket>(?:{_KINDS}) [0-9]++)\]++)?"
    r"|(?P<ping><)(?=(?:@[!&]?|[#]|a?:\w{1,32}+:|/[^<>:@\n]{1,110}+:|sound:[0-9]++:)[0-9]++>|t:-?[0-9]++[:>]|id:[a-z-]++[:>])"
)
_COMMAND_BEGINS = "</"
_COMMAND = re.compile(r"</[^<>:@\n]{1,110}+:[0-9]++>")
_SOMETHING = "\ufffc"
"""Stands for any token where only the text around it matters; shorter than all, so that nothing is too long with it."""

_DANGER = re.compile(r"[@\[<]")
_ALONE_SIGN = re.compile(rf"{_RUN}@[A-Za-z0-9-]++\.|://|www\.")
_LEFT_ALONE = re.compile(rf"{_ALONE}|(?P<run>{_RUN}++)")
_ENDS_RUN = re.compile(_RUN)
_ADDRESS_REST = re.compile(_DOMAIN)


def natural_numbering(references: Iterable[Reference]) -> Numbering:
    """Kind and number within the kind, as collected and as shown to people."""
    return Numbering({reference.id: (reference.kind, reference.kind_number) for reference in references})


def render(prompt: Prompt, style: PromptStyle, numbering: Numbering) -> str:
    """The text for the model. `KeyError` when the numbering lacks a reference that is mentioned.

    Text that would read as a token but is none is defused, also in prompts that `parse` did not make.
    """
    return written_out(settled(prompt.segments), style, numbering)


def written_out(segments: Iterable[Segment], style: PromptStyle, numbering: Numbering) -> str:
    """The text of segments that are settled already."""
    return "".join(
        part.text if isinstance(part, Text) else style.token(*numbering.numbers[part.reference_id]) for part in segments
    )


def parse_rendered(text: str, style: PromptStyle, numbering: Numbering) -> Prompt:
    """The segments of a rendered text. Knows only the style's own tokens, exactly as rendered."""
    ids = {number: reference_id for reference_id, number in numbering.numbers.items()}
    segments: list[Segment] = []
    done = 0
    for found in _READERS[style].finditer(text):
        reference_id = _pointed_to(found, ids)
        if reference_id is not None:
            segments += [Text(text[done : found.start()]), Mention(reference_id)]
            done = found.end()
    return Prompt(tuple(_merged([*segments, Text(text[done:])])))


def settled(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """The segments in the form that survives rendering: texts merged and defused, tokens with room where they need it.

    Settling twice changes nothing more.
    """
    parts = [Text(defused(part.text)) if isinstance(part, Text) else part for part in _merged(segments)]
    return tuple(_merged(_with_room(_without_commands(parts))))


def defused(text: str) -> str:
    """The text without anything that reads as a token of any style, or pings; URLs and addresses stay as they are."""
    return _UNSAFE.sub(_harmless, text) if _DANGER.search(text) else text


def _without_commands(parts: Sequence[Segment]) -> Sequence[Segment]:
    """Takes apart what a token in its middle completes to a command's markup: `</a [Image 1]:7>`."""
    if not any(isinstance(part, Text) and _COMMAND_BEGINS in part.text for part in parts):
        return parts
    whole = "".join(part.text if isinstance(part, Text) else _SOMETHING for part in parts)
    begins = {found.start() for found in _COMMAND.finditer(whole)}
    return tuple(_apart(parts, begins)) if begins else parts


def _apart(parts: Iterable[Segment], begins: Container[int]) -> Iterator[Segment]:
    """The parts with a space after each `<` at those places of the whole."""
    start = 0
    for part in parts:
        if not isinstance(part, Text):
            yield part
            start += 1
            continue
        yield Text("".join(f"{sign} " if at in begins else sign for at, sign in enumerate(part.text, start)))
        start += len(part.text)


def may_hold_alone(source: str) -> bool:
    """False when nothing in the text can be a URL or an address; a quick look."""
    return _ALONE_SIGN.search(source) is not None


def left_alone(source: str, index: int) -> tuple[int, bool]:
    """Where the run of address characters at `index` ends, and whether it is a URL or an address to leave alone."""
    found = _LEFT_ALONE.match(source, index)
    return (found.end(), found["run"] is None) if found else (index, False)


def _pointed_to(found: re.Match[str], ids: dict[tuple[Kind, int], str]) -> str | None:
    digits = found["number"]
    if digits is None or len(digits) > 9:  # noqa: PLR2004  no numbering goes that far, and int() refuses 5,000 digits
        return None
    return ids.get((Kind(found["kind"].lower()), int(digits)))


def _harmless(found: re.Match[str]) -> str:
    if found["ping"]:
        return "< "  # apart, it is no markup; taking characters out could make new markup of what is left
    if found["at"] and _ENDS_RUN.search(found.string, max(0, found.start() - 1), found.start()):
        return f" {found['at']}"  # without the space, an address before it might become none
    return found["at"] or found["bracket"] or found[0]


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Joins neighbouring texts and drops empty ones."""
    pending: list[str] = []
    for part in segments:
        if isinstance(part, Text):
            pending.append(part.text)
            continue
        if text := "".join(pending):
            yield Text(text)
        pending.clear()
        yield part
    if text := "".join(pending):
        yield Text(text)


def _with_room(parts: Sequence[Segment]) -> Iterator[Segment]:
    """Puts a space where a token would otherwise be prolonged or swallowed by the text around it."""
    for index, part in enumerate(parts):
        before, after = _text(parts, index - 1), _text(parts, index + 1)
        if isinstance(part, Text):
            behind_token = index > 0 and not ends_word(part.text, 0)
            yield Text(f" {part.text}") if behind_token else part
            continue
        if before and _swallows(before, after):
            yield Text(" ")
        yield part


def _text(parts: Sequence[Segment], index: int) -> str:
    part = parts[index] if 0 <= index < len(parts) else None
    return part.text if isinstance(part, Text) else ""


def _swallows(before: str, after: str) -> bool:
    """True when a token between the two would be read as part of a URL or an address."""
    last = None
    for last in _LEFT_ALONE.finditer(before):  # noqa: B007  the last one is wanted
        pass
    if last is None or last.end() < len(before) or last["address"]:
        return False
    return last["url"] is not None or (not glues(after[:1] or " ") and _ADDRESS_REST.match(f"@x1{after}") is not None)
