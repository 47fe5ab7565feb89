"""What is to be said of a draft, with the clicks that mend it: sentences in groups, a row of buttons below each."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import discord

from bot.cards import said
from bot.cards.buttons import ROW_BUTTONS, button, plain, row
from bot.cards.text import joined, units
from bot.domain.custom_ids import Action
from bot.domain.drafts import DraftView
from bot.domain.prompts import Finding, Severity, mend_proof

_COMPONENTS: Final = 20
"""Of the 40 that a message may have, these are left beside the largest draft card."""
_CHOICES: Final = 3
_TAIL_UNITS: Final = 120
_MARKS: Final = {Severity.ERROR: "⛔", Severity.WARNING: "⚠"}
_MEND_UNITS: Final = 60
_LABELS: Final = {
    "unused-reference": "Add {mend}",
    "no-reference-mentioned": "Add all",
    "loose-mention-unresolved": "Leave “{mention}” as text",
}
_OTHERWISE: Final = "Use {mend}"
_TELLING: Final = frozenset({"unused-reference", "loose-mention-unresolved", "name-shadowed"})
"""The label of their mend says what it is about, so that several may share a row."""
_MORE: Final = "-# Buttons for these come up once some of the above is settled."


@dataclass(frozen=True, slots=True)
class Remark:
    """Sentences, one a line, and the buttons that mend what they say."""

    lines: tuple[str, ...]
    buttons: tuple[discord.ui.Button[Any], ...] = ()

    @property
    def text(self) -> str:
        """The lines as they are shown."""
        return "\n".join(self.lines)

    @property
    def component_count(self) -> int:
        """How many of the message's components it takes."""
        return 1 + (1 + len(self.buttons) if self.buttons else 0)

    def parts(self) -> Iterator[str | discord.ui.Item[Any]]:
        """For a `Sheet`."""
        yield self.text
        if self.buttons:
            yield row(*self.buttons)


def remarks(view: DraftView, limit: int) -> tuple[Remark, ...]:
    """Every finding in the view's order, in at most `limit` units together; those at the end may lack their buttons."""
    waiting = deque(_remark(view, indices) for indices in _groups(view.findings))
    shown: list[Remark] = []
    units_left, components_left = limit - _TAIL_UNITS, _COMPONENTS - 1
    while waiting and units(waiting[0].text) <= units_left and waiting[0].component_count <= components_left:
        shown.append(waiting.popleft())
        units_left -= units(shown[-1].text)
        components_left -= shown[-1].component_count
    return (*shown, *_tail(waiting, units_left + _TAIL_UNITS))


def _tail(left_over: Sequence[Remark], limit: int) -> Iterator[Remark]:
    lines = [line for one in left_over for line in one.lines]
    if not lines:
        return
    hint = [_MORE] if any(one.buttons for one in left_over) else []
    yield Remark((joined(lines, limit - units(_MORE) - 1), *hint))


def _groups(findings: Sequence[Finding]) -> list[list[int]]:
    """The findings' indices, those together that share a text and a row."""
    groups: list[list[int]] = []
    for index, finding in enumerate(findings):
        group = groups[-1] if groups else []
        together = _may_share(finding) and all(_may_share(findings[one]) for one in group)
        mends = sum(len(findings[one].mends) for one in group) + len(finding.mends)
        if group and together and mends <= ROW_BUTTONS:
            group.append(index)
        else:
            groups.append([index])
    return groups


def _may_share(finding: Finding) -> bool:
    return not finding.mends or (len(finding.mends) == 1 and finding.reason.code in _TELLING)


def _remark(view: DraftView, indices: Sequence[int]) -> Remark:
    findings = [(index, view.findings[index]) for index in indices]
    return Remark(
        tuple(f"{_MARKS[finding.severity]} {said.sentence(finding.reason)}" for _, finding in findings),
        tuple(mend for index, finding in findings for mend in _mends(view, index, finding)),
    )


def _mends(view: DraftView, index: int, finding: Finding) -> Iterator[discord.ui.Button[Any]]:
    request = view.request
    style = discord.ButtonStyle.primary if finding.severity is Severity.ERROR else discord.ButtonStyle.secondary
    for choice, mend in enumerate(finding.mends[:_CHOICES]):
        argument = f"{request.version}.{index}.{choice}.{mend_proof(finding, choice)}"
        yield button(Action.MEND, request.id, _label(finding, mend), argument=argument, style=style)


def _label(finding: Finding, mend: str) -> str:
    if not mend.strip():
        return "Take it out"
    template = _LABELS.get(finding.reason.code, _OTHERWISE)
    mention = str(finding.reason.arguments.get("mention", ""))
    return template.format(mend=plain(mend, _MEND_UNITS), mention=plain(mention, _MEND_UNITS))
