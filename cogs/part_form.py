"""The form that asks which part of a file is used when it is too long."""

import re
from typing import Final

import discord

from bot.client import RushesClient
from bot.domain.conform import Anchor, Part
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import Reference
from bot.domain.requests import Request
from cogs.answers import show_draft
from cogs.forms import Form, FormKind
from cogs.video_form import fitting

_ANCHORS: Final = {
    Anchor.START: "The start",
    Anchor.MIDDLE: "The middle",
    Anchor.END: "The end",
    Anchor.AT: "From the second below",
}
_MAX_MOMENT_CHARACTERS: Final = 20
_NAME_UNITS: Final = 60
_SIXTY: Final = 60
_MOMENT = re.compile(
    r"(?:(?:(?P<hours>\d{1,2}):)?(?P<minutes>\d{1,3}):)?(?P<seconds>\d{1,6}(?:[.,]\d{1,3})?)(?:\s*s)?", re.IGNORECASE
)


class PartForm(Form):
    """Start, middle, end, or from a second on; what holds now is chosen already.

    A second that was written while the choice stayed as it was is meant, whatever that choice is.
    """

    def __init__(self, client: RushesClient, request: Request, reference: Reference) -> None:
        super().__init__(client, FormKind.DRAFT, title="Choose the part")
        self._request, self._reference = request, reference
        part = reference.part
        self._written = f"{part.at_seconds:.10g}" if part.anchor is Anchor.AT else ""
        options = [
            discord.RadioGroupOption(label=label, value=anchor.value, default=anchor is part.anchor)
            for anchor, label in _ANCHORS.items()
        ]
        self.anchor = discord.ui.RadioGroup[PartForm](options=options)
        self.moment = discord.ui.TextInput[PartForm](
            default=self._written or None,
            required=False,
            max_length=_MAX_MOMENT_CHARACTERS,
            placeholder="12, 12.5, 0:12 or 1:02.5",
        )
        self.add_item(discord.ui.Label(text="Used of it", description=_lasts(reference), component=self.anchor))
        self.add_item(
            discord.ui.Label(text="From second", description="Seconds, or minutes and seconds", component=self.moment)
        )

    async def sent(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Stores it and shows the card anew."""
        await interaction.response.defer()
        view = await interaction.client.services.drafts.choose_part(
            self._request.id,
            person_id=interaction.user.id,
            version=self._request.version,
            reference_id=self._reference.id,
            part=self._part(),
        )
        await show_draft(interaction, view)  # its picture shows the part

    def _part(self) -> Part:
        before, chosen = self._reference.part.anchor, Anchor(self.anchor.value or self._reference.part.anchor)
        written = self.moment.value.strip()
        newly_written = bool(written) and written != self._written
        if chosen is Anchor.AT or (chosen is before and newly_written):
            return Part(anchor=Anchor.AT, at_seconds=_moment_in(self._reference, written))
        return Part(anchor=chosen)


def moment_seconds(text: str) -> float | None:
    """`12`, `12.5`, `0:12`, `1:02.5`, `1:00:00` as seconds; `None` for anything else."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes = int(match["hours"] or 0), int(match["minutes"] or 0)
    seconds = float(match["seconds"].replace(",", "."))
    if (match["minutes"] and seconds >= _SIXTY) or (match["hours"] and minutes >= _SIXTY):
        return None
    return (hours * _SIXTY + minutes) * _SIXTY + seconds


def _moment_in(reference: Reference, written: str) -> float:
    """The second that was written. `Refused` when there is none, or none of that file."""
    if not written:
        raise Refused(reason("part-moment-missing"))
    seconds = moment_seconds(written)
    if seconds is None:
        raise Refused(reason("part-not-a-moment", text=written))
    lasts = _seconds(reference)
    if lasts is not None and seconds >= lasts:
        raise Refused(reason("part-beyond-end", name=reference.name, seconds=f"{lasts:.1f}", text=written))
    return seconds


def _lasts(reference: Reference) -> str:
    name, seconds = fitting(reference.name, _NAME_UNITS), _seconds(reference)
    return name if seconds is None else f"{name} lasts {seconds:.1f} s"


def _seconds(reference: Reference) -> float | None:
    facts = reference.decided.facts
    return None if facts is None else facts.seconds
