"""The pipeline over working fakes, with a clock and an engine that are turned by hand.

    rig = Rig(tmp_path)
    request_id = await rig.ask("hero.png")    # as a cog would; `rig.wish(...)` makes the wish alone
    await rig.settle()                                         # whatever can be done now is done
    rig.provider.finish(rig.provider.started[0])
    await rig.pass_time(WATCH_MS)                              # the clock moves, and what falls due is done
    await rig.look()                                           # one look of the watcher, and what follows from it

`rig.faults` strikes at fault points; `rig.restart()` is a new process over the same tables, vendor and Discord.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from bot.admission.rules import refusals
from bot.admission.spans import present_windows, zones
from bot.delivery.slots import CALLBACK, CARD, NOTICE
from bot.domain.drafts import Allowance, DraftView, TrayWish
from bot.domain.errors import DeliveryRefused, Refused, Stale, Unavailable
from bot.domain.generations import Generation
from bot.domain.identity import Ids
from bot.domain.policies import Limits, Policy, Quota, Span, Unit, holding
from bot.domain.ports import ClipTools, Conformer, MediaTools, Publisher
from bot.domain.prompts import Names
from bot.domain.reasons import reason
from bot.domain.references import Offer, OfferSource
from bot.domain.requests import ChannelKind, Parameters, Person, Place, Request, Snapshot, Take, Wish
from bot.media.planner import plan
from bot.pipeline.advance import Advance
from bot.pipeline.ageing import Ageing
from bot.pipeline.cancel import Cancel
from bot.pipeline.dispatch import Dispatch
from bot.pipeline.drafts import Drafts
from bot.pipeline.guild_choices import ChoicesOfGuilds
from bot.pipeline.overview import Overview
from bot.pipeline.policies import PoliciesOfGuilds
from bot.pipeline.privacy import Privacy
from bot.pipeline.rooms import Deployment, Drafting, Patience, Rooms
from bot.pipeline.submit import Submit
from bot.pipeline.tray import Tray
from bot.pipeline.watch import Watch
from bot.prompting import read, renumbered, written
from bot.publish import DataUriPublisher, StagingChannelPublisher
from bot.references import Collector, declared_bytes, declared_reasons, file_reasons, planned, tray_reasons
from tests.fakes_delivery import MemoryCourier, MemoryDiscord, MemoryMessage, MemoryPoster
from tests.fakes_provider import FakeProvider
from tests.fakes_references import FakeDownloader, LabelledMedia, MemoryContentStore, counting_bits
from tests.fakes_store import MemoryRequestStore

START_MS = 1_790_000_000_000
WATCH_MS = 10_000
SETTLE_MS = 20_000
SETTLE_LOOKS = 3
RETRY_MS = 2_000
MAX_ATTEMPTS = 4
DEADLINE_MS = 45 * 60_000
GUILD, CHANNEL, STAGING, ADA, BOB = 100, 200, 9_000, 7, 8
DRAFT_LIFE_MS = 2 * 3_600_000
TRAY_LIFE_MS = 24 * 3_600_000
CLIP = b"video mp4 5.0\n"
LABELS = {
    "png": "image png",
    "heic": "image heic",
    "jpg": "image jpeg exif",
    "gif": "image gif 1.5",
    "mp4": "video mp4 3.0",
    "long": "video mp4 21.0",
    "mp3": "audio mp3 3.0",
}
"""What files hold, by the ending of their names: JPEGs say where they were made."""
MAX_FILE_BYTES = 1_000_000
QUICK = Parameters(duration_seconds=4, resolution="480p")
_MAX_TAKES = 4
ADMIN = 99
AGEING_MS = 60_000
_MOST_STEPS = 2_000

PATIENCE = Patience(
    retry_first_ms=RETRY_MS,
    retry_most_ms=120_000,
    max_attempts=MAX_ATTEMPTS,
    settle_looks=SETTLE_LOOKS,
    settle_interval_ms=SETTLE_MS,
    deadline_ms=DEADLINE_MS,
    watch_interval_ms=WATCH_MS,
)

DRAFTING = Drafting(
    draft_life_ms=DRAFT_LIFE_MS,
    tray_life_ms=TRAY_LIFE_MS,
    allowance=Allowance(
        person_files=100,
        person_bytes=100_000_000,
        guild_files=500,
        guild_bytes=500_000_000,
        person_animatics=20,
        guild_animatics=100,
    ),
    tray_files_per_person=20,
    tray_files_per_guild=30,
    skip_card=True,
    ask_above_usd_micros=5_000_000,
)


DEFAULTS = Policy(
    time_zone="UTC",
    guild=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=200),), running=4),
    person=Limits(quotas=(Quota(unit=Unit.TAKES, span=Span.DAY, limit=100),), waiting=50),
)
"""What holds in guilds that set nothing."""


class Killed(BaseException):
    """The process ends here: no `except Exception` hears of it."""


class Defect(Exception):
    """Something nobody expected."""


class Faults:
    """A `FaultPoint` that notes what it passes, and strikes once: at a name, or at the so-manyth point (from 1)."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._at: str | int | None = None
        self._error: BaseException = Killed()

    def strike(self, at: str | int, error: BaseException | None = None) -> None:
        self.passed.clear()
        self._at, self._error = at, error or Killed()

    @property
    def struck(self) -> bool:
        return self._at is None

    def __call__(self, name: str) -> None:
        self.passed.append(name)
        if self._at in {name, len(self.passed)}:
            self._at = None
            raise self._error


@dataclass
class HandClock:
    """The time now, in Unix milliseconds."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class HandEngine:
    """An `Engine` that only notes what is due when; the rig carries it out."""

    clock: HandClock
    due: dict[str, int] = field(default_factory=dict[str, int])

    def wake(self, request_id: str, *, delay_ms: int = 0) -> None:
        at_ms = self.clock() + delay_ms
        self.due[request_id] = min(at_ms, self.due.get(request_id, at_ms))

    def take_due(self) -> str | None:
        ready = [request_id for request_id, at_ms in self.due.items() if at_ms <= self.clock()]
        if not ready:
            return None
        del self.due[ready[0]]
        return ready[0]


@dataclass
class OwedCards:
    """`Cards` that only notes what is owed; the rig draws it."""

    owed: dict[str, None] = field(default_factory=dict[str, None])

    def changed(self, request_id: str) -> None:
        self.owed[request_id] = None


class OpenVendor(FakeProvider):
    """A `FakeProvider` that counts what is asked of it, by the port's names, and shows its books."""

    def __init__(self, clock: HandClock) -> None:
        super().__init__(clock=clock, result_bytes=CLIP)
        self.asked: list[str] = []

    @property
    def rows(self) -> dict[str, Generation]:
        return self._rows

    @property
    def faults_left(self) -> int:
        return len(self._faults)

    async def find(
        self, body: Mapping[str, object], *, since_ms: int, claimed: Collection[str]
    ) -> tuple[Generation, ...]:
        self.asked.append("find")
        return await super().find(body, since_ms=since_ms, claimed=claimed)

    async def active(self) -> tuple[Generation, ...]:
        self.asked.append("active")
        return await super().active()

    async def look(self, generation_id: str) -> Generation:
        self.asked.append("look")
        return await super().look(generation_id)

    async def download(self, url: str, into: Path) -> int:
        self.asked.append("download")
        return await super().download(url, into)


class OpenStore(MemoryRequestStore):
    """A `MemoryRequestStore` that shows its books."""

    @property
    def requests(self) -> list[Request]:
        return list(self._requests.values())

    def forget_records(self) -> None:
        """Rows as a release wrote them that made files fit when they came."""
        for each in self.requests:
            self._requests[each.id] = replace(
                each, references=tuple(replace(one, record=None) for one in each.references)
            )


class Tools(MediaTools, Conformer, ClipTools, Protocol):
    """One set of tools is all three ports."""


class Rig:
    """See the module's docstring."""

    def __init__(
        self, scratch: Path, *, max_running: int = 8, staging: bool = True, tools: Tools | None = None
    ) -> None:
        """`staging=False`: there is no staging channel, so small images alone go out. `tools`: for real files."""
        self.clock = HandClock()
        self.faults = Faults()
        self.store = OpenStore(holding=self.holding, reached=self.faults, clock=self.clock)
        self.provider = OpenVendor(self.clock)
        self.discord = MemoryDiscord()
        self.contents = MemoryContentStore()
        self.downloader = FakeDownloader({})
        self.media = LabelledMedia()
        self.troubles: list[Unavailable] = []
        self.drafting = DRAFTING
        self.defaults, self.ceilings = DEFAULTS, Policy()
        self.guilds = frozenset[int]()
        self._poster = MemoryPoster(self.discord)
        self._random_bits = counting_bits()
        self._scratch = scratch
        self._max_running = max_running
        self._staging = staging
        self._tools = tools
        self._interactions = 0
        self._start("first")

    def _start(self, process: str) -> None:
        """Builds what lives in a process; whatever outlives one is there already."""
        self.engine = HandEngine(self.clock)
        self.cards = OwedCards()
        self.rooms = self._rooms(Ids(clock=self.clock, random_bits=self._random_bits))
        self.submit = Submit(self.rooms)
        self.cancel = Cancel(self.rooms)
        self.dispatch = Dispatch(self.rooms)
        self.advance = Advance(self.rooms, self.submit, self.dispatch)
        self.watch = Watch(self.rooms, holder=process)
        self.drafts = Drafts(self.rooms, self.submit)
        self.tray = Tray(self.rooms)
        self.privacy = Privacy(self.rooms)
        self.choices = ChoicesOfGuilds(self.rooms)
        self.policies = PoliciesOfGuilds(self.rooms, self.dispatch)
        self.overview = Overview(self.rooms)
        self.ageing = Ageing(self.rooms, holder=process, interval_ms=AGEING_MS)

    def _rooms(self, ids: Ids) -> Rooms:
        media = self._tools or self.media
        collector = Collector(
            downloader=self.downloader,
            contents=self.contents,
            media=media,
            conformer=media,
            limits=lambda: self.provider.known.limits.carried(MAX_FILE_BYTES),
            ids=ids,
            scratch=self._scratch,
            max_bytes=MAX_FILE_BYTES,
        )
        publisher = self._publisher()
        return Rooms(
            store=self.store,
            contents=self.contents,
            media=media,
            conformer=media,
            clips=media,
            provider=self.provider,
            publisher=publisher,
            courier=MemoryCourier(self.store, self.clock, discord=self.discord, reached=self.faults),
            cards=self.cards,
            engine=self.engine,
            clock=self.clock,
            ids=ids,
            patience=PATIENCE,
            scratch=self._scratch,
            parse=read,
            render=written,
            renumbered=renumbered,
            collect=collector.collect,
            first_look=lambda wish, known, asked: refusals(wish, known, asked, max_takes=_MAX_TAKES),
            declared_reasons=lambda offers, spec: declared_reasons(
                offers, max_bytes=MAX_FILE_BYTES, max_files=spec.limits.max_files
            ),
            declared_bytes=lambda offers: declared_bytes(offers, max_bytes=MAX_FILE_BYTES),
            plan=lambda references, spec: planned(plan, references, spec.limits.carried(publisher.max_bytes_each)),
            file_reasons=lambda references, spec: file_reasons(references, spec.limits),
            tray_reasons=lambda references, spec: tray_reasons(references, spec.limits),
            deployment=Deployment(
                max_running=self._max_running,
                guilds=self.guilds,
                ceilings=self.ceilings,
                holding=self.holding,
                windows=present_windows,
                zones=zones(),
            ),
            drafting=self.drafting,
            trays=self.store,
            consent=self.store,
            guild_choices=self.store,
            policies=self.store,
            reached=self.faults,
        )

    def _publisher(self) -> Publisher:
        if not self._staging:
            return DataUriPublisher(self.contents, max_bytes_each=MAX_FILE_BYTES, scratch=self._scratch)
        return StagingChannelPublisher(
            self._poster,
            self.contents,
            STAGING,
            max_bytes_each=MAX_FILE_BYTES,
            scratch=self._scratch,
            reached=self.faults,
        )

    def holding(self, wanted: Policy) -> Policy:
        """What holds in a guild that wants this."""
        return holding(wanted, self.defaults, self.ceilings)

    def serve(self, *guilds: int) -> None:
        """The operator lists the guilds that are served."""
        self.guilds = frozenset(guilds)
        self._start("for these guilds")

    async def limit(
        self,
        *,
        guild: int = GUILD,
        running: int | None = None,
        waiting: int | None = None,
        takes_a_day: int | None = None,
    ) -> None:
        """An admin of the guild sets limits: of what runs there, and of a person's requests and takes."""
        quotas = () if takes_a_day is None else (Quota(unit=Unit.TAKES, span=Span.DAY, limit=takes_a_day),)

        def limited(policy: Policy) -> Policy:
            all_of_it = policy.guild if running is None else replace(policy.guild, running=running)
            person = policy.person if waiting is None else replace(policy.person, waiting=waiting)
            return replace(policy, guild=all_of_it, person=replace(person, quotas=quotas or person.quotas))

        await self.policies.change(guild, limited, by=ADMIN)

    async def takes_today(self, person: int = ADA) -> int:
        """How many takes of that person count today in the guild."""
        usage = (await self.overview.quotas(GUILD, Person(id=person, name="Ada"))).usage
        return usage.person[Unit.TAKES, Span.DAY]

    def allow(self, **allowance: int) -> None:
        """Another allowance of files and bytes a day."""
        self.drafting = replace(self.drafting, allowance=replace(self.drafting.allowance, **allowance))
        self._start("with another allowance")

    # --- asking ------------------------------------------------------------------------------------------------------

    def wish(
        self,
        prompt: str = "@Image1 waves",
        *files: str,
        takes: int = 1,
        guild: int = GUILD,
        person: int = ADA,
        channel_kind: ChannelKind = ChannelKind.TEXT,
        upload_limit_bytes: int = 10 << 20,
        missing_permissions: tuple[str, ...] = (),
        parameters: Parameters = QUICK,
        names: Names | None = None,
        ask: bool = False,
        use_tray: bool = False,
        roles: tuple[int, ...] = (),
    ) -> Wish:
        """A wish of an interaction of its own. Files hold what their ending says and are at Discord."""
        self._interactions += 1
        return Wish(
            interaction_id=self._interactions,
            place=self.place(guild, channel_kind=channel_kind, upload_limit_bytes=upload_limit_bytes),
            person=Person(id=person, name="Ada", roles=roles),
            prompt=prompt,
            offers=tuple(self.offer(name) for name in files),
            parameters=parameters,
            take_count=takes,
            missing_permissions=missing_permissions,
            names=names or Names(),
            ask=ask,
            use_tray=use_tray,
        )

    def place(
        self,
        guild: int = GUILD,
        *,
        channel_kind: ChannelKind = ChannelKind.TEXT,
        upload_limit_bytes: int = 10 << 20,
    ) -> Place:
        """The only channel that anybody asks in, in that guild."""
        return Place(
            guild_id=guild,
            channel_id=CHANNEL + guild,
            channel_kind=channel_kind,
            upload_limit_bytes=upload_limit_bytes,
        )

    def offer(self, name: str, content: bytes | None = None) -> Offer:
        """A file at Discord."""
        url = f"https://cdn.discordapp.com/attachments/1/2/{name}?ex=1&hm=s3cret"
        label = LABELS.get(name.rpartition(".")[2], "text")
        self.downloader.files[url] = f"{label}\n{name}".encode() if content is None else content
        return Offer(name=name, url=url, byte_count=len(name))

    def posted_by(self, owner: int, name: str, *, message: int = 1, content: bytes | None = None) -> Offer:
        """A file of somebody's message."""
        return replace(self.offer(name, content), source=OfferSource.TARGET, owner_id=owner, message_id=message)

    def tray_wish(self, *offers: Offer, person: int = ADA, guild: int = GUILD) -> TrayWish:
        """What somebody puts into their tray."""
        self._interactions += 1
        return TrayWish(
            interaction_id=self._interactions,
            place=self.place(guild),
            person=Person(id=person, name="Ada"),
            offers=offers,
        )

    async def draft(self, prompt: str = "@Image1 waves", *files: str, **wishes: Any) -> DraftView:  # noqa: ANN401  `wish`'s
        """A draft that waits for its person because they want to see it."""
        return await self.waiting(self.wish(prompt, *(files or ("hero.png",)), ask=True, **wishes))

    async def waiting(self, wish: Wish) -> DraftView:
        """The draft of a wish that is not accepted without asking, shown to its person."""
        request = (await self.submit(wish)).request
        assert request.state.value == "draft"
        await self.drafts.answered(await self.drafts.look(request.id, person_id=wish.person.id))
        return await self.drafts.look(request.id, person_id=wish.person.id)

    async def confirmed(self, view: DraftView) -> Snapshot:
        """Its person confirms what they see."""
        request = view.request
        return await self.drafts.confirm(request.id, person_id=request.person.id, version=request.version)

    async def ask(
        self,
        *files: str,
        takes: int = 1,
        guild: int = GUILD,
        person: int = ADA,
        channel_kind: ChannelKind = ChannelKind.TEXT,
        upload_limit_bytes: int = 10 << 20,
        parameters: Parameters = QUICK,
    ) -> str:
        """Submits a wish, with one picture unless said otherwise, and answers the request's id."""
        wish = self.wish(
            "@Image1 waves",
            *(files or ("hero.png",)),
            takes=takes,
            guild=guild,
            person=person,
            channel_kind=channel_kind,
            upload_limit_bytes=upload_limit_bytes,
            parameters=parameters,
        )
        return (await self.submit(wish)).request.id

    async def ask_in_words(self, *, takes: int = 1, person: int = ADA) -> str:
        """The same words without any file, every time."""
        return (await self.submit(self.wish("a paper boat", takes=takes, person=person))).request.id

    # --- time --------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Carries whatever is due, and draws the cards, until nothing is left to do at this time."""
        for _step in range(_MOST_STEPS):
            request_id = self.engine.take_due()
            if request_id is None:
                await self._draw_cards()
                return
            await self._carry(request_id)
        raise AssertionError("there is always something more to do")

    async def pass_time(self, milliseconds: int) -> None:
        """Moves the clock from one due time to the next."""
        end_ms = self.clock.now_ms + milliseconds
        await self.settle()
        while (next_ms := min(self.engine.due.values(), default=end_ms)) < end_ms:
            self.clock.now_ms = max(next_ms, self.clock.now_ms)
            await self.settle()
        self.clock.now_ms = end_ms
        await self.settle()

    async def look(self) -> None:
        """One look of the watcher and what follows."""
        with suppress(Unavailable):
            await self.watch.look()
        await self.settle()

    async def finish(self, request_id: str) -> None:
        """The vendor is done with every take of the request, and the watcher sees it."""
        for take in await self.takes(request_id):
            self.provider.finish(take.generation_id or "")
        await self.look()

    async def go_on(self, rounds: int = 60) -> None:
        """Looks every interval until no request is open any more, or for so many rounds."""
        for _round in range(rounds):
            await self.pass_time(WATCH_MS)
            await self.look()
            if not await self.store.open_requests():
                return

    async def _carry(self, request_id: str) -> None:
        try:
            wait_ms = await self.advance(request_id)
        except Stale:
            self.engine.wake(request_id)
        except Unavailable as unavailable:
            self.troubles.append(unavailable)
            self.engine.wake(request_id, delay_ms=max(RETRY_MS, unavailable.retry_after_ms or 0))
        except Defect:
            await self.advance.stumble(request_id, reason("internal-error"))
            self.engine.wake(request_id, delay_ms=RETRY_MS)
        else:
            if wait_ms is not None:
                self.engine.wake(request_id, delay_ms=wait_ms)

    async def _draw_cards(self) -> None:
        for request_id in tuple(self.cards.owed):
            snapshot = await self.store.load(request_id)
            assert snapshot is not None
            card = snapshot.post(CARD)
            with suppress(Unavailable, DeliveryRefused, Defect):
                if card is not None and card.message_id is not None:
                    await self.rooms.courier.show_card(snapshot)
                del self.cards.owed[request_id]

    # --- another process ---------------------------------------------------------------------------------------------

    async def restart(self) -> None:
        """A new process: it knows nothing but what is stored, and wakes what is open. Leases of the old one lapsed."""
        self.clock.now_ms += 60_000
        self._start(f"process {self.clock.now_ms}")
        for request_id in await self.store.open_requests():
            self.engine.wake(request_id)

    # --- what came of it ---------------------------------------------------------------------------------------------

    async def snapshot(self, request_id: str) -> Snapshot:
        found = await self.store.load(request_id)
        assert found is not None
        return found

    async def request(self, request_id: str) -> Request:
        return (await self.snapshot(request_id)).request

    async def state(self, request_id: str) -> str:
        return (await self.request(request_id)).state.value

    async def takes(self, request_id: str) -> tuple[Take, ...]:
        return (await self.snapshot(request_id)).takes

    async def take_states(self, request_id: str) -> list[str]:
        return [take.state.value for take in await self.takes(request_id)]

    async def every_request(self) -> list[Request]:
        return self.store.requests

    def posted(self, slot: str) -> list[MemoryMessage]:
        """Messages of that slot, of any request."""
        return [message for message in self.discord.messages.values() if message.marker.endswith(f" {slot}")]

    @property
    def card(self) -> MemoryMessage:
        """The only card."""
        (card,) = self.posted(CARD)
        return card

    @property
    def notices(self) -> list[MemoryMessage]:
        return self.posted(NOTICE)

    @property
    def callbacks(self) -> list[MemoryMessage]:
        return self.posted(CALLBACK)

    @property
    def clips(self) -> list[MemoryMessage]:
        """Messages with clips."""
        return [message for message in self.discord.messages.values() if message.files and message not in self.staged]

    @property
    def staged(self) -> list[MemoryMessage]:
        """What the vendor can reach now."""
        return self.discord.in_channel(STAGING)

    def fetched(self, body: Mapping[str, object], field: str) -> list[bytes]:
        """What the vendor gets at the addresses in that field."""
        urls = body[field]
        assert isinstance(urls, list)
        parts = [str(url).partition("?")[0].split("/") for url in urls]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return [self.discord.messages[int(part[-2])].files[part[-1]] for part in parts]


def codes(refused: Refused) -> list[str]:
    """The codes of every reason."""
    return [each.code for each in refused.reasons]
