"""A draft's card in somebody's hands: what it says, and what can be done with it."""

from dataclasses import dataclass

import simcord

from bot.domain.custom_ids import Action
from bot.domain.requests import Request
from tests.behaviour.studio import Scene, button, entered, fields, labels, named, read, told


@dataclass(kw_only=True)
class Card:
    """The private message with the card; it goes on being the same message whatever is clicked."""

    scene: Scene
    person: simcord.MemberActor
    message: simcord.ResponseMessage

    @property
    def text(self) -> str:
        """All that it says."""
        assert self.message.ephemeral
        return read(self.message.message)

    @property
    def labels(self) -> set[str]:
        """What its buttons say."""
        return labels(self.message.message)

    @property
    def files(self) -> list[str]:
        """The names of its files."""
        return [attachment.filename for attachment in self.message.attachments]

    async def sheet(self) -> str:
        """What its picture of the references shows (the fake draws a line of text a tile)."""
        (sheet,) = [one for one in self.message.attachments if one.filename == "references.png"]
        return (await sheet.read()).decode()

    async def press(self, label: str) -> simcord.InteractionResult:
        """Presses the button that says so."""
        return await self.person.click(self.message, label=label)

    async def choose(self, reference_name: str) -> simcord.InteractionResult:
        """Chooses a file in the menu; the form about it."""
        request = await self.request()
        (chosen,) = [one.id for one in request.references if one.name == reference_name]
        menu = button(self.message.message, Action.FILE)
        return await self.person.select(self.message, [chosen], custom_id=menu)

    async def change(self, reference_name: str, **values: object) -> simcord.InteractionResult:
        """Chooses a file and sends its form, changed so."""
        shown = await self.choose(reference_name)
        return await self.person.submit_modal(shown, entered(shown, **values))

    async def edit(self, **values: object) -> simcord.InteractionResult:
        """Sends the form of “Edit prompt”, changed so."""
        shown = await self.press("Edit prompt")
        return await self.person.submit_modal(shown, entered(shown, **values))

    async def choose_part(self, used: str | None = None, **values: object) -> simcord.InteractionResult:
        """Sends the form of “Choose the part” with that choice (`None`: as it is), changed so."""
        shown = await self.press("Choose the part")
        return await self.person.submit_modal(shown, part_entered(shown, used, **values))

    async def request(self) -> Request:
        """The row behind it."""
        request_id = button(self.message.message, Action.DISCARD).split(":")[2]
        return (await self.scene.studio.snapshot(request_id)).request


async def draft(scene: Scene, prompt: str = "#1 and #2 and #9", *names: str, **options: object) -> Card:
    """Alice asks for something with a finding in it (`#9` points nowhere); the card she gets."""
    files = {f"ref{number}": named(name) for number, name in enumerate(names or ("hero.png", "walk.mp4"), start=1)}
    result = await scene.alice.slash(scene.channel, "video make", prompt=prompt, **files, **options)
    assert "Your draft" in told(result)
    return card_of(scene, scene.alice, result)


def part_entered(shown: simcord.InteractionResult, used: str | None = None, **values: object) -> dict[str, object]:
    """The form about a part as a person sends it: one choice of several, by its label."""
    radio = fields(shown)["Used of it"]
    chosen = [one["value"] for one in radio["options"] if one["label"] == used or (used is None and one["default"])]
    return {**entered(shown, **values), radio["custom_id"]: chosen[0]}


def card_of(scene: Scene, person: simcord.MemberActor, result: simcord.InteractionResult) -> Card:
    """The card that somebody was answered with."""
    assert result.response is not None
    return Card(scene=scene, person=person, message=result.response)
