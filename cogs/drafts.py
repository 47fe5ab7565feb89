"""What the controls of a draft's card do, and those of a result that start a new draft.

Every click carries the request's id and, where it changes or confirms something, the version that was shown; nothing is
kept between clicks, so each works in any process. Trouble is told beside the card, which stays.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import discord

from bot import cards
from bot.client import RushesClient, Services
from bot.domain.drafts import DraftView, Renumbering
from bot.domain.errors import Refused
from bot.domain.reasons import reason
from bot.domain.references import OfferSource, Reference
from bot.domain.requests import Request, Snapshot
from cogs.answers import show, show_accepted, show_draft
from cogs.errors import tell
from cogs.forms import Form, FormKind
from cogs.part_form import PartForm
from cogs.sources import mentioned, offers_in, offers_of
from cogs.video_form import ContinueForm, MakeVideoForm, fitting
from cogs.wishes import person_of, place_of, wish_from

_MAX_FIELD_CHARACTERS = 4000
"""What a form's text field takes: docs, components/reference.mdx."""
_MAX_ALIAS_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A button that was pressed, or a menu's choice: `argument` is the custom id's, `choice` the menu's first value."""

    interaction: discord.Interaction[RushesClient]
    request_id: str
    argument: str = ""
    choice: str = ""

    @property
    def services(self) -> Services:
        """What may be called."""
        return self.interaction.client.services

    @property
    def person_id(self) -> int:
        """Who pressed."""
        return self.interaction.user.id

    def parts(self, count: int) -> list[str]:
        """The argument's parts; a card of another release may carry something else."""
        parts = self.argument.split(".")
        if len(parts) != count:
            raise Refused(reason("draft-changed"))
        return parts

    def numbers(self, count: int) -> list[int]:
        """The argument's parts as numbers."""
        return [_number(part) for part in self.parts(count)]

    async def shown(self) -> Request:
        """The draft as the card showed it, from its row: a form has three seconds to open."""
        (version,) = self.numbers(1)
        return await self.services.drafts.shown(self.request_id, person_id=self.person_id, version=version)


# --- the card's buttons ----------------------------------------------------------------------------------------------


async def confirm(press: Press) -> None:
    """The draft is put in line; the card becomes the answer that says so."""
    (version,) = press.numbers(1)
    await press.interaction.response.defer()
    person = person_of(press.interaction)
    snapshot = await press.services.drafts.confirm(
        press.request_id, person_id=person.id, version=version, roles=person.roles
    )
    await show_accepted(press.interaction, snapshot)


async def discard(press: Press) -> None:
    """The draft ends; the card becomes the answer that says so."""
    await press.interaction.response.defer()
    snapshot = await press.services.drafts.discard(press.request_id, person_id=press.person_id)
    await tell(press.interaction, cards.cancelled(snapshot), attachments=[])


async def mend(press: Press) -> None:
    """One finding is settled as its button says."""
    version, _finding, _choice, proof = press.parts(4)
    await press.interaction.response.defer()
    view = await press.services.drafts.mend(
        press.request_id, person_id=press.person_id, version=_number(version), proof=proof
    )
    await show_draft(press.interaction, view, same_files=True)


async def edit(press: Press) -> None:
    """A form with the prompt as it was written."""
    await press.interaction.response.send_modal(EditForm(press.interaction.client, await press.shown()))


async def choose_file(press: Press) -> None:
    """A form about the chosen file."""
    request = await press.shown()
    form = FileForm(press.interaction.client, request, _reference(request, press.choice))
    await press.interaction.response.send_modal(form)


async def choose_part(press: Press) -> None:
    """A form about which part of a long file is used; where several are cut, the file is a menu's choice."""
    version, *named = press.argument.split(".")
    request = await replace(press, argument=version).shown()
    form = PartForm(press.interaction.client, request, _reference(request, press.choice or ".".join(named)))
    await press.interaction.response.send_modal(form)


async def take_out(press: Press) -> None:
    """The question was answered with yes: a file goes, those after it move up."""
    version, reference_id = press.parts(2)
    await _renumber(press, _number(version), Renumbering(reference_id=reference_id))


async def move(press: Press) -> None:
    """The question was answered with yes: a file moves to another number."""
    version, reference_id, to_number = press.parts(3)
    await _renumber(press, _number(version), Renumbering(reference_id=reference_id, to_number=_number(to_number)))


async def show_again(press: Press) -> None:
    """The card as it stands: in place of what was clicked when only that person sees it, else in an own answer."""
    message = press.interaction.message
    if message is not None and message.flags.ephemeral:
        await press.interaction.response.defer()
    else:
        await press.interaction.response.defer(ephemeral=True, thinking=True)
    view = await press.services.drafts.look(press.request_id, person_id=press.person_id)
    await show_draft(press.interaction, view)


async def _renumber(press: Press, version: int, change: Renumbering) -> None:
    await press.interaction.response.defer()
    view = await press.services.drafts.renumber(
        press.request_id, person_id=press.person_id, version=version, change=change
    )
    await show_draft(press.interaction, view)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise Refused(reason("draft-changed"))
    return int(text)


def _reference(request: Request, reference_id: str) -> Reference:
    found = next((one for one in request.references if one.id == reference_id), None)
    if found is None:
        raise Refused(reason("draft-changed"))
    return found


# --- buttons of what is public: a new draft --------------------------------------------------------------------------


async def again(press: Press) -> None:
    """A draft with what that request held, for the person who pressed, here."""
    await press.interaction.response.defer(ephemeral=True, thinking=True)
    snapshot = await press.services.drafts.again(press.request_id, wish_from(press.interaction))
    await show(press.interaction, snapshot)


async def use_as_reference(press: Press) -> None:
    """The form “Make video” with the clips of the message that was clicked."""
    message = press.interaction.message
    offers = await offers_in(press.interaction, message) if message is not None else ()
    clips = tuple(offer for offer in offers if offer.source is OfferSource.CLIP)
    refusals = [clip.refusal for clip in clips if clip.refusal is not None]
    if len(refusals) == len(clips):
        raise Refused(*(refusals or [reason("nothing-to-use")]))
    await press.interaction.response.send_modal(MakeVideoForm(press.interaction.client, "", clips))


async def free_draft(press: Press) -> None:
    """A film drawn here from what was shown, in a private message of its own; the card stays."""
    (version,) = press.numbers(1)
    await press.interaction.response.defer(ephemeral=True, thinking=True)
    person = person_of(press.interaction)
    film = await press.services.drafts.animatic(
        press.request_id, person_id=person.id, version=version, roles=person.roles
    )
    upload = discord.File(io.BytesIO(film), filename=cards.free_draft_file(press.request_id))
    if not await tell(press.interaction, cards.free_draft(press.request_id), attachments=[upload]):
        await tell(press.interaction, cards.refused((reason("animatic-not-posted"),)), attachments=[])


async def continue_take(press: Press) -> None:
    """The form of a video that begins where the clip ends, if there is one. The frame is taken once it is sent."""
    (ordinal,) = press.numbers(1)
    place = place_of(press.interaction)
    await press.services.last_frame.look(
        press.request_id, ordinal=ordinal, place=place, person=person_of(press.interaction)
    )
    await press.interaction.response.send_modal(
        ContinueForm(press.interaction.client, request_id=press.request_id, ordinal=ordinal)
    )


# --- buttons of requests ---------------------------------------------------------------------------------------------


def asking(
    ask: Callable[[Press], Awaitable[Snapshot]], answer: Callable[[Snapshot], cards.Sheet]
) -> Callable[[Press], Awaitable[None]]:
    """A button that asks one service and is answered privately."""

    async def pressed(press: Press) -> None:
        await press.interaction.response.defer(ephemeral=True, thinking=True)
        await tell(press.interaction, answer(await ask(press)))

    return pressed


# --- forms -----------------------------------------------------------------------------------------------------------


class EditForm(Form):
    """Another prompt, and more files."""

    def __init__(self, client: RushesClient, request: Request) -> None:
        super().__init__(client, FormKind.DRAFT, title="Edit prompt")
        self._request = request
        self.prompt = discord.ui.TextInput[EditForm](
            style=discord.TextStyle.paragraph,
            default=fitting(request.written_prompt, _MAX_FIELD_CHARACTERS),
            min_length=1,
            max_length=_MAX_FIELD_CHARACTERS,
        )
        self.files = discord.ui.FileUpload[EditForm](required=False, min_values=0, max_values=10)
        self.add_item(discord.ui.Label(text="What happens", component=self.prompt))
        self.add_item(
            discord.ui.Label(
                text="More files", description="They come after the files that are there", component=self.files
            )
        )

    async def sent(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Stores it and shows the card anew."""
        await interaction.response.defer()
        request = self._request
        names, pictures = await mentioned(interaction, self.prompt.value)
        offers = (*offers_of(self.files.values, OfferSource.FORM), *pictures)
        person = person_of(interaction)
        view = await interaction.client.services.drafts.edit(
            request.id,
            person_id=person.id,
            version=request.version,
            prompt=self.prompt.value,
            names=names,
            offers=offers,
            roles=person.roles,
        )
        await show_draft(interaction, view, same_files=view.request.references == request.references)


class FileForm(Form):
    """One file: its name, its place, whether it shows a real person, or out with it."""

    def __init__(self, client: RushesClient, request: Request, reference: Reference) -> None:
        super().__init__(client, FormKind.DRAFT, title="Change a file")
        self._request, self._reference = request, reference
        self.alias = discord.ui.TextInput[FileForm](
            default=reference.alias, required=False, max_length=_MAX_ALIAS_CHARACTERS, placeholder="hero"
        )
        self.place = _places(len(request.references), reference.number)
        self.shows_person = discord.ui.Checkbox[FileForm](default=reference.shows_person)
        self.take_out = discord.ui.Checkbox[FileForm]()
        named = f"A word by which the prompt may call {fitting(reference.name, 60)}"
        self.add_item(discord.ui.Label(text="Name", description=named, component=self.alias))
        self.add_item(discord.ui.Label(text="Place", component=self.place))
        if client.services.asks_about_people():
            self.add_item(discord.ui.Label(text="Shows a real person", component=self.shows_person))
        self.add_item(discord.ui.Label(text="Take it out", component=self.take_out))

    async def sent(self, interaction: discord.Interaction[RushesClient]) -> None:
        """Stores what renumbers nothing; what does is asked first."""
        await interaction.response.defer()
        view = await self._described(interaction)
        change = self._change(_reference(view.request, self._reference.id))
        if change is None:
            await show_draft(interaction, view, same_files=True)
        else:
            await tell(interaction, cards.renumber_question(view, change), attachments=[])

    async def _described(self, interaction: discord.Interaction[RushesClient]) -> DraftView:
        request, drafts = self._request, interaction.client.services.drafts
        alias, shows_person = self.alias.value.strip() or None, self.shows_person.value
        if (alias, shows_person) == (self._reference.alias, self._reference.shows_person):
            view = await drafts.look(request.id, person_id=interaction.user.id)
            if view.request.version != request.version:
                raise Refused(reason("draft-changed"))
            return view
        return await drafts.describe(
            request.id,
            person_id=interaction.user.id,
            version=request.version,
            reference_id=self._reference.id,
            alias=alias,
            shows_person=shows_person,
        )

    def _change(self, reference: Reference) -> Renumbering | None:
        if self.take_out.value:
            return Renumbering(reference_id=reference.id)
        chosen = int(self.place.values[0]) if self.place.values else reference.number
        if chosen in {self._reference.number, reference.number}:
            return None
        return Renumbering(reference_id=reference.id, to_number=chosen)


def _places(count: int, own: int) -> discord.ui.Select[FileForm]:
    options = [
        discord.SelectOption(label=f"#{number}", value=str(number), default=number == own)
        for number in range(1, count + 1)
    ]
    return discord.ui.Select[FileForm](options=options, min_values=1, max_values=1)
