"""The house over working fakes, and the small world it is watched in: a Discord that somebody else simulates.

simcord was written by others from Discord's documentation, so a misunderstanding of ours does not confirm itself here.
What it does not do is tested elsewhere, against our own Discord on loopback: nonces, upload limits, locked threads,
rate limits, resumed sessions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
import simcord
from simcord.backend.models.message import MessageSticker
from simcord.results import to_discord_message

from bot.admission.rules import refusals
from bot.admission.spans import present_windows, zones
from bot.client import RushesClient, Services, Sources
from bot.delivery import DiscordCourier, RestPoster
from bot.domain.custom_ids import Action
from bot.domain.drafts import Allowance
from bot.domain.errors import Refused
from bot.domain.identity import Ids
from bot.domain.policies import Limits, Policy, Quota, Span, Unit, holding
from bot.domain.ports import no_fault
from bot.domain.reasons import reason
from bot.domain.references import Offer
from bot.domain.requests import Request, Snapshot, Wish
from bot.media.planner import plan
from bot.pipeline.advance import Advance
from bot.pipeline.cancel import Cancel
from bot.pipeline.dispatch import Dispatch
from bot.pipeline.drafts import Drafts
from bot.pipeline.guild_choices import ChoicesOfGuilds
from bot.pipeline.last_frame import LastFrame
from bot.pipeline.looking import vendor_tokens
from bot.pipeline.overview import Overview
from bot.pipeline.policies import PoliciesOfGuilds
from bot.pipeline.privacy import Privacy
from bot.pipeline.redeliver import DeliverAgain
from bot.pipeline.rooms import Deployment, Drafting, Patience, Rooms
from bot.pipeline.submit import Submit
from bot.pipeline.tray import Tray
from bot.pipeline.watch import Watch
from bot.prompting import read as read_prompt
from bot.prompting import renumbered, written
from bot.publish import StagingChannelPublisher
from bot.references import Collector, declared_bytes, declared_reasons, file_reasons, planned, tray_reasons
from cogs.assembly import BUTTONS, cogs_of
from sandbox.discord.contract import Contract
from tests.fakes_provider import FakeProvider
from tests.fakes_references import LabelledMedia, MemoryContentStore, counting_bits
from tests.fakes_store import MemoryRequestStore

CONTRACT = Path(__file__).parents[3] / "shared" / "contracts" / "discord_http_openapi.json"
"""Discord's own OpenAPI file of its HTTP API; not part of the repository."""
NO_CONTRACT = "Discord's OpenAPI file is not beside the repository (../shared/contracts)"
MAX_BYTES = 30_000_000
POLICY = Policy(
    time_zone="UTC",
    guild=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=60),), running=2),
    person=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=12),), waiting=5),
)
"""What holds in servers that set nothing."""
CEILINGS = Policy(person=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=30),)))
PATIENCE = Patience(
    retry_first_ms=1_000,
    retry_most_ms=8_000,
    max_attempts=3,
    settle_looks=2,
    settle_interval_ms=1_000,
    deadline_ms=600_000,
    watch_interval_ms=1_000,
)
DRAFTING = Drafting(
    draft_life_ms=2 * 3_600_000,
    tray_life_ms=24 * 3_600_000,
    allowance=Allowance(
        person_files=200,
        person_bytes=1 << 40,
        guild_files=2000,
        guild_bytes=1 << 40,
        person_animatics=20,
        guild_animatics=100,
    ),
    tray_files_per_person=60,
    tray_files_per_guild=1000,
    skip_card=True,
    ask_above_usd_micros=5_000_000,
)
IMAGE, CLIP = b"image png\n", b"video mp4 5\n"
"""Files that `LabelledMedia` understands; `named` makes them differ."""

File = tuple[str, bytes]


def held(wanted: Policy) -> Policy:
    """What holds in a server that wants this."""
    return holding(wanted, POLICY, CEILINGS)


def named(name: str) -> File:
    """A small honest file of that name: a clip when it ends in mp4, else a picture."""
    return name, (CLIP if name.endswith(".mp4") else IMAGE) + name.encode()


class CdnDownloader:
    """A `Downloader` that asks the simulated Discord's file server. `fetched` lists names in the order asked."""

    def __init__(self) -> None:
        self.client: discord.Client | None = None
        self.fetched: list[str] = []

    async def fetch(self, offer: Offer, into: Path) -> int:
        assert self.client is not None
        self.fetched.append(offer.name)
        try:
            content = await self.client.http.get_from_cdn(offer.url)
        except discord.NotFound as error:
            raise Refused(reason("source-gone", name=offer.name)) from error
        return into.write_bytes(content)


class Bell:
    """An `Engine` and a `Cards` that only note who wants work; `Studio.carry` does it, when the test says so."""

    def __init__(self) -> None:
        self.woken: dict[str, None] = {}
        self.owed: dict[str, None] = {}

    def wake(self, request_id: str, *, delay_ms: int = 0) -> None:
        if delay_ms == 0:
            self.woken[request_id] = None

    def changed(self, request_id: str) -> None:
        self.owed[request_id] = None


@dataclass
class Studio:
    """What outlives a process (rows, bytes, the vendor) and the process that runs now.

    `wishes` lists what cogs handed over, `accepted` the ids of what came of it. `trouble` is raised in place of
    submitting, cancelling and delivering again, while it is set. `at_submit` is called first thing when a cog submits.
    """

    scratch: Path
    wishes: list[Wish] = field(default_factory=list[Wish])
    accepted: list[str] = field(default_factory=list[str])
    trouble: Exception | None = None
    at_submit: Callable[[], None] = lambda: None
    sources: Sources = field(default_factory=lambda: Sources(avatars=True, emoji=True, embeds=True))

    def __post_init__(self) -> None:
        self.env: simcord.Env | None = None
        self.store = MemoryRequestStore(holding=held, clock=self.now_ms)
        self.contents = MemoryContentStore()
        self.downloader = CdnDownloader()
        self.media = LabelledMedia()
        self.provider = FakeProvider(clock=self.now_ms, result_bytes=CLIP, finishes_at_once=True)
        self.ids = Ids(clock=self.now_ms, random_bits=counting_bits())
        self.bell = Bell()

    def now_ms(self) -> int:
        """The simulated Discord's time."""
        assert self.env is not None
        return round(self.env.now().timestamp() * 1000)

    def open(self, *, sync_commands: bool = True) -> RushesClient:
        """A client as a fresh process builds it, over what lasts."""
        return RushesClient(memory=self.store, cogs=cogs_of, buttons=BUTTONS, sync_commands=sync_commands)

    def furnish(self, env: simcord.Env, client: RushesClient, *, staging_channel_id: int) -> None:
        """Gives the process that runs `client` its rooms."""
        self.env, self.downloader.client, self.bell = env, client, Bell()
        self.courier = DiscordCourier(
            client,
            self.store,
            self._rendered,
            self.now_ms,
            open_threads=True,
            ping_requester=True,
            vendor_tokens=self._vendor_tokens,
            keep_files_ms=72 * 3_600_000,
        )
        rooms = self._rooms(client, staging_channel_id)
        self._steps = Submit(rooms), Cancel(rooms), DeliverAgain(rooms)
        client.furnish(self._services(rooms))
        self._advance = Advance(rooms, self._steps[0], Dispatch(rooms))
        self._watch = Watch(rooms, holder="tests")

    async def carry(self) -> None:
        """Lets every request that wants it go as far as it can now, without drawing their cards anew."""
        while self.bell.woken:
            woken, self.bell.woken = list(self.bell.woken), {}
            for request_id in woken:
                await self._advance(request_id)
            await self._watch.look()

    async def draw(self) -> None:
        """Draws the cards that changed."""
        owed, self.bell.owed = list(self.bell.owed), {}
        for request_id in owed:
            await self.courier.show_card(await self.snapshot(request_id))

    async def snapshot(self, request_id: str) -> Snapshot:
        """The request as it stands."""
        snapshot = await self.store.load(request_id)
        assert snapshot is not None
        return snapshot

    async def requests(self) -> list[Snapshot]:
        """Every request that is not over."""
        return [await self.snapshot(request_id) for request_id in await self.store.open_requests()]

    def _services(self, rooms: Rooms) -> Services:
        overview = Overview(rooms)
        return Services(
            submit=self._submit,
            cancel=self._cancel,
            deliver_again=self._deliver_again,
            drafts=Drafts(rooms, self._steps[0]),
            last_frame=LastFrame(rooms),
            tray=Tray(rooms),
            privacy=Privacy(rooms),
            guild_choices=ChoicesOfGuilds(rooms),
            quotas=overview.quotas,
            lane=overview.lane,
            policies=PoliciesOfGuilds(rooms, Dispatch(rooms)),
            ledger_csv=overview.ledger_csv,
            sources=self.sources,
            rendered=lambda snapshot: self._rendered(snapshot.request),
            vendor_tokens=lambda snapshot: self._vendor_tokens(snapshot.request),
            asks_about_people=lambda: bool(self.provider.known.face_kinds),
            requester=self._requester,
            form_id=self.ids.short,
            open_threads=True,
        )

    async def _requester(self, request_id: str) -> int | None:
        snapshot = await self.store.load(request_id)
        return snapshot.request.person.id if snapshot is not None else None

    async def _submit(self, wish: Wish) -> Snapshot:
        self.at_submit()
        self.wishes.append(wish)
        if self.trouble is not None:
            raise self.trouble
        snapshot = await self._steps[0](wish)
        self.accepted.append(snapshot.request.id)
        return snapshot

    async def _cancel(
        self, request_id: str, *, person_id: int, moderator: bool, guild_id: int | None = None
    ) -> Snapshot:
        if self.trouble is not None:
            raise self.trouble
        return await self._steps[1](request_id, person_id=person_id, moderator=moderator, guild_id=guild_id)

    async def _deliver_again(self, request_id: str, *, person_id: int, moderator: bool) -> Snapshot:
        if self.trouble is not None:
            raise self.trouble
        return await self._steps[2](request_id, person_id=person_id, moderator=moderator)

    def _rooms(self, client: RushesClient, staging_channel_id: int) -> Rooms:
        collector = Collector(
            downloader=self.downloader,
            contents=self.contents,
            media=self.media,
            conformer=self.media,
            limits=lambda: self.provider.known.limits.carried(MAX_BYTES),
            ids=self.ids,
            scratch=self.scratch,
            max_bytes=MAX_BYTES,
        )
        publisher = StagingChannelPublisher(
            RestPoster(client), self.contents, staging_channel_id, max_bytes_each=MAX_BYTES, scratch=self.scratch
        )
        return Rooms(
            store=self.store,
            contents=self.contents,
            media=self.media,
            conformer=self.media,
            clips=self.media,
            provider=self.provider,
            publisher=publisher,
            courier=self.courier,
            cards=self.bell,
            engine=self.bell,
            clock=self.now_ms,
            ids=self.ids,
            patience=PATIENCE,
            scratch=self.scratch,
            parse=read_prompt,
            render=written,
            renumbered=renumbered,
            collect=collector.collect,
            first_look=lambda wish, known, asked: refusals(wish, known, asked, max_takes=4),
            declared_reasons=lambda offers, spec: declared_reasons(
                offers, max_bytes=MAX_BYTES, max_files=spec.limits.max_files
            ),
            declared_bytes=lambda offers: declared_bytes(offers, max_bytes=MAX_BYTES),
            plan=lambda references, spec: planned(plan, references, spec.limits.carried(publisher.max_bytes_each)),
            file_reasons=lambda references, spec: file_reasons(references, spec.limits),
            tray_reasons=lambda references, spec: tray_reasons(references, spec.limits),
            deployment=Deployment(
                max_running=8,
                guilds=frozenset(),
                ceilings=CEILINGS,
                holding=held,
                windows=present_windows,
                zones=zones(),
            ),
            drafting=DRAFTING,
            trays=self.store,
            consent=self.store,
            guild_choices=self.store,
            policies=self.store,
            reached=no_fault,
        )

    def _rendered(self, request: Request) -> str:
        if request.prompt is None:
            return request.written_prompt
        return written(request.prompt, self.provider.known, request.references)

    def _vendor_tokens(self, request: Request) -> Mapping[str, str]:
        return vendor_tokens(request.references, self.provider.known)


@dataclass(kw_only=True)
class Scene:
    """A server with a channel and three people. `log` holds the events of our log; errors must be taken out of it."""

    env: simcord.Env
    studio: Studio
    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    staging: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor
    moderator: simcord.MemberActor
    log: list[dict[str, object]]

    async def restart(self) -> None:
        """The process ends and another one starts over the same rows."""
        client = self.studio.open()
        await self.env.restart_bot(client)
        self.studio.furnish(self.env, client, staging_channel_id=self.staging.id)

    def not_told_of_the_server(self) -> None:
        """Discord has not sent the server yet, as after a start or a reconnection; interactions come all the same."""
        state = self.env.bot._connection  # pyright: ignore[reportPrivateUsage]  no other way
        guild = self.env.bot.get_guild(self.guild.id)
        assert guild is not None
        state._remove_guild(guild)  # pyright: ignore[reportPrivateUsage]  same

    async def carry(self) -> None:
        """Everything that can happen now happens, and the client has heard of what was posted."""
        await self.studio.carry()
        await self.studio.draw()
        await self.env.settle()

    async def thread(self, name: str = "talk") -> simcord.ChannelHandle:
        """A thread of the channel. simcord lets people open none, so the bot does."""
        channel = self.env.bot.get_channel(self.channel.id)
        assert isinstance(channel, discord.TextChannel)
        opened = await channel.create_thread(name=name, type=discord.ChannelType.public_thread)
        await self.env.settle()
        return next(thread for thread in self.channel.threads if thread.id == opened.id)

    async def confirm(self, person: simcord.MemberActor, result: simcord.InteractionResult) -> None:
        """What a person does who wants it made: presses Confirm, where there is a card with it."""
        assert result.response is not None
        if "Confirm" in labels(result.response.message):
            result = await person.click(result.response, label="Confirm")
            assert result.followups == []

    def message(
        self,
        author: simcord.MemberActor,
        text: str = "",
        *,
        files: Sequence[File] = (),
        stickers: Sequence[MessageSticker] = (),
        embeds: Sequence[Mapping[str, object]] = (),
    ) -> discord.Message:
        """A message as it lies in the channel. simcord's people can send neither stickers nor links with previews."""
        backend = self.env.backend
        stored = backend.create_message(
            self.channel.id,
            author.id,
            text,
            attachments=backend.store_attachments(self.channel.id, files),
            stickers=list(stickers),
            embeds=[dict(embed) for embed in embeds],
        )
        return to_discord_message(self.env, stored)

    def serve(self, url: str, content: bytes) -> None:
        """Puts a picture on the simulated Discord's file servers: it keeps attachments there, and nothing else."""
        self.env.backend.cdn._blobs[url] = content  # pyright: ignore[reportPrivateUsage]  no other way

    def lose_first_answer(self) -> None:
        """The next interaction reaches us when its three seconds are over, as after a resumed session."""
        self.env.inject_error("POST", "/interactions/*/callback", status=404, code=10062)

    def lose_last_answer(self, *, status: int = 500, code: int = 0) -> None:
        """The next edit of a “thinking” answer is refused."""
        self.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=status, code=code)

    def seen_by(self, person: simcord.MemberActor, channel: simcord.ChannelHandle | None = None) -> list[str]:
        """What that person reads there, a text a message."""
        return [read(message) for message in (channel or self.channel).history(viewer=person)]

    def take_events(self, event: str) -> list[dict[str, object]]:
        """The log's events of that name, which are then no surprise any more."""
        found = [one for one in self.log if one["event"] == event]
        self.log[:] = [one for one in self.log if one["event"] != event]
        return found


def told(result: simcord.InteractionResult) -> str:
    """What an interaction's answer says; it must be there, for that person's eyes only, and not be “thinking” still."""
    assert result.response is not None
    assert result.response.ephemeral
    assert not result.response.flags.loading
    assert result.response.flags.components_v2
    return read(result.response.message)


async def take_back(
    scene: Scene, person: simcord.MemberActor, message: discord.Message, channel: simcord.ChannelHandle | None = None
) -> str:
    """Somebody takes a message's files back, and means it; what they read then."""
    asked = await person.context_menu(channel or scene.channel, "Take back my files", message)
    assert "It cannot be undone." in told(asked)
    assert asked.response is not None
    result = await person.click(asked.response, label="Take them back for good")
    assert result.followups == []
    return read(asked.response.message)


def read(message: discord.Message) -> str:
    """All texts of a message, from top to bottom."""
    return "\n".join([message.content, *(text for part in message.components for text in _texts(part))]).strip()


def _texts(component: discord.Component) -> Iterator[str]:
    if isinstance(component, discord.TextDisplay):
        yield component.content
    if isinstance(component, discord.Container):
        for child in component.children:
            yield from _texts(child)


def fields(shown: simcord.InteractionResult) -> dict[str, dict[str, Any]]:
    """A form's controls by their labels."""
    assert shown.modal is not None
    return {part["label"]: part["component"] for part in shown.modal["components"] if "label" in part}


def entered(shown: simcord.InteractionResult, **values: object) -> dict[str, object]:
    """What a person sends: the form as it is shown, but for these fields (labels with `_` for blanks)."""
    controls = fields(shown)
    return {
        **{one["custom_id"]: one["value"] for one in controls.values() if "value" in one},
        **{
            one["custom_id"]: [choice["value"] for choice in one["options"] if choice.get("default")]
            for one in controls.values()
            if "options" in one
        },
        **{controls[label.replace("_", " ")]["custom_id"]: value for label, value in values.items()},
    }


def told_beside(result: simcord.InteractionResult) -> str:
    """What a click on a card was answered with in a message of its own, for that person's eyes only."""
    (message,) = result.followups
    assert message.ephemeral
    return read(message.message)


def labels(message: discord.Message) -> set[str]:
    """What a message's buttons say."""
    return {button.label for part in message.components for button in _buttons(part) if button.label is not None}


def button(message: discord.Message, action: Action) -> str:
    """The custom id of the message's one button (or menu) of that kind, for labels that differ."""
    found = {one for part in message.components for one in _custom_ids(part) if one.split(":")[1] == action}
    assert len(found) == 1, found
    return found.pop()


def _buttons(component: discord.Component) -> Iterator[discord.Button]:
    if isinstance(component, discord.Button):
        yield component
    if isinstance(component, (discord.Container, discord.ActionRow)):
        for child in component.children:
            yield from _buttons(child)


def _custom_ids(component: discord.Component) -> Iterator[str]:
    if isinstance(component, (discord.Button, discord.SelectMenu)) and component.custom_id is not None:
        yield component.custom_id
    if isinstance(component, (discord.Container, discord.ActionRow)):
        for child in component.children:
            yield from _custom_ids(child)


def wrong_requests(contract: Contract, requests: Sequence[simcord.HttpLogEntry]) -> list[str]:
    """What of the bot's requests Discord's own description forbids."""
    return [
        f"{one.method} {one.path}: {problem}"
        for one in requests
        for problem in contract.check_request(one.method, one.path, one.json)
    ]
