"""The ports, in their callers' words. The promise is in the docstring; the adapter is somewhere else."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from bot.domain.conform import ClipFindings, FilePlan, Made, Record
from bot.domain.consent import Choice, Consents
from bot.domain.drafts import Allowance, GuildChoices, TrayLimits, TrayView
from bot.domain.generations import Generation, PreparedBody, Submission
from bot.domain.lanes import Standing
from bot.domain.media import AnimaticPart, AnimaticPlan, MediaFacts, Sniffed
from bot.domain.models import ModelLimits, ModelSpec
from bot.domain.money import Asked, LedgerLine
from bot.domain.policies import Block, Change, Policy
from bot.domain.prompts import Finding, Prompt
from bot.domain.quotas import Quotas
from bot.domain.references import Offer, Reference
from bot.domain.requests import Person, Place, Post, Publication, Request, Snapshot, Take, Undelivered, Wish
from bot.domain.states import RequestState, TakeState

FaultPoint = Callable[[str], None]
"""Called with a name right where a crash would hurt most. Does nothing in production; tests end the process there."""


def no_fault(_name: str) -> None:
    """The `FaultPoint` of production."""


class RequestStore(Protocol):
    """Our tables, the truth. Every method is one transaction; a cancelled caller never leaves half of one behind.

    Moves check `version`: `Stale` is raised when the row has moved on, `IllegalMove` when the state table forbids it.
    `Unavailable` when the database does not answer.
    """

    async def create_draft(self, request_id: str, wish: Wish, *, now_ms: int) -> Snapshot:
        """Stores the wish. The same `interaction_id` again answers the request it already made."""
        ...

    async def load(self, request_id: str) -> Snapshot | None:
        """The request with takes and posts, or `None`."""
        ...

    async def made_by(self, interaction_id: int) -> Snapshot | None:
        """The request that this interaction made already, or `None`."""
        ...

    async def quotas(self, guild_id: int, person: Person, *, now_ms: int) -> Quotas:
        """The policy that holds there, and what that person and the guild have used, hold and have waiting."""
        ...

    async def drafts_of(self, guild_id: int, person_id: int) -> tuple[str, ...]:
        """Ids of the drafts that wait for that person in that guild (`expires_at_ms` is set), newest first."""
        ...

    async def reserve(
        self,
        guild_id: int,
        person_id: int,
        *,
        files: int,
        byte_count: int,
        allowance: Allowance,
        now_ms: int,
        draft_id: str | None = None,
    ) -> None:
        """Counts files and bytes that are about to be fetched against the day's allowance (UTC day of `now_ms`).

        For a `draft_id` once, however often it is prepared. `Refused` (free-person-files, free-person-bytes,
        free-guild-files, free-guild-bytes), counting nothing.
        """
        ...

    async def accept(
        self,
        request: Request,
        *,
        prompt: Prompt,
        findings: Sequence[Finding],
        model_id: str,
        asked: Asked,
        now_ms: int,
        references: Sequence[Reference] | None = None,
        roles: Sequence[int] | None = None,
    ) -> Snapshot:
        """Draft → queued with its planned takes and `references`, if everything allows it now.

        Else `Refused` with every reason, and nothing changes. The policy, what is used, consent and the budgets are
        read in this one transaction, and what was asked is counted and held in it: simultaneous accepts cannot
        overspend. The request takes its turn in the guild's lane.

        `references` take the place of the draft's, as they are from here on; `roles`, those that the person has now,
        the place of those they asked with: limits, weight and priority go by them. `None`: those stay as they are.
        """
        ...

    async def claim_next(self, *, max_running: int, now_ms: int) -> str | None:
        """Queued → preparing for the next request in turn, under each person's, guild's and the bot's limit.

        Its id, or `None`. Between guilds by their share, inside a guild as its policy orders: see `bot.queue.lanes`.
        """
        ...

    async def age_lanes(self, *, now_ms: int) -> None:
        """Raises what waited long by one priority, where guilds have ageing. Bounded; to be called at intervals."""
        ...

    async def line(self, guild_id: int) -> tuple[tuple[Request, Standing], ...]:
        """The first 25 queued requests of a guild, in the order of their turns."""
        ...

    async def ledger(self, guild_id: int, *, since_ms: int, until_ms: int) -> tuple[LedgerLine, ...]:
        """A guild's lines of the months (of acceptance) that begin in that time (half-open), oldest first.

        Whenever they were written: what they add up to is what the months' budgets count.
        """
        ...

    async def adjust(self, take_id: str, cost_usd_micros: int, *, cause: str, now_ms: int) -> None:
        """An operator's correction: what the take cost after all."""
        ...

    async def move(self, request: Request, state: RequestState, **changes: object) -> Request:
        """Stores a new state (or the same one) and the named fields of `Request`.

        References are a draft's to change: `IllegalMove` later, when a line and a bill rest on them.
        """
        ...

    async def record_made(self, request: Request, reference_id: str, made: Made) -> Request:
        """Stores what a reference was made into, while its request is being prepared; `IllegalMove` otherwise.

        The reference itself stays: what the person confirmed is not changed by it.
        """
        ...

    async def reserve_animatic(self, guild_id: int, person_id: int, *, allowance: Allowance, now_ms: int) -> None:
        """Counts a free draft against the day's allowance (UTC day of `now_ms`).

        `Refused` (free-person-animatics, free-guild-animatics), counting nothing.
        """
        ...

    async def move_take(self, take: Take, state: TakeState, **changes: object) -> Take:
        """Stores a new state (or the same one) and the named fields of `Take`."""
        ...

    async def begin_submission(self, take: Take, prepared: PreparedBody, *, now_ms: int) -> Take | None:
        """Planned → submitting with its body, before the paid call.

        `Stale` when the request is not working any more or was asked to be cancelled: nothing may be paid then.
        `None` while another body of the same fingerprint is in submitting or in review: the vendor's echo could not
        tell the two apart, so this one waits until that one is settled.
        `Refused` when a reference of the request is `stopping` it at that moment: consent is looked at once more, in
        the transaction after which it is paid for.
        """
        ...

    async def intend_post(self, request_id: str, slot: str, channel_id: int, *, now_ms: int) -> tuple[Post, bool]:
        """The outbox row of that slot, and whether it was there before this call (then look before posting)."""
        ...

    async def record_post(self, request_id: str, slot: str, *, message_id: int | None, shown: str | None) -> None:
        """Stores the message's id and what it shows (the state it was drawn for)."""
        ...

    async def open_requests(self) -> tuple[str, ...]:
        """Ids of the requests that want work: not final, or final but not yet shown or announced as such."""
        ...

    async def watched_takes(self) -> tuple[Take, ...]:
        """The parked takes: rendering, with a generation id."""
        ...

    async def unsettled(self, limit: int) -> tuple[Take, ...]:
        """Takes that ended at the vendor without a known cost, whose hold stays; the oldest, at most so many."""
        ...

    async def claimed_generations(self) -> frozenset[str]:
        """Every generation id that some take already owns."""
        ...

    async def waiting_in_guild(self, guild_id: int) -> tuple[str, ...]:
        """Ids of the queued requests of a guild, in the order of their turns, at most 25."""
        ...

    async def take_lease(self, name: str, holder: str, *, ttl_ms: int, now_ms: int) -> bool:
        """True when `holder` has the lease until `now_ms + ttl_ms`: it was free, lapsed, or its own."""
        ...

    async def recall(self, key: str) -> str | None:
        """A small fact kept across restarts (such as the hash of the synced commands)."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keeps a small fact."""
        ...

    async def contents_in_use(self, *, since_ms: int) -> frozenset[str]:
        """Keys of the bytes that somebody may still need.

        Of requests that are open or ended since then, clips of kept ones, and of trays that expire after then. What was
        withdrawn may be forgotten, but for what a take at work still needs.
        """
        ...

    async def tidy(self, *, now_ms: int) -> None:
        """Forgets what is no use any more: expired trays, and what `reserve` counted two days ago or earlier."""
        ...


class TrayStore(Protocol):
    """People's trays: references put aside, one tray a person and channel. Every method is one transaction.

    `Unavailable` when the database does not answer.
    """

    async def tray(self, channel_id: int, person_id: int, *, now_ms: int) -> TrayView:
        """What is in the tray and has not expired, in order, numbered."""
        ...

    async def change_tray(
        self,
        place: Place,
        person_id: int,
        change: Callable[[tuple[Reference, ...]], Sequence[Reference]],
        *,
        limits: TrayLimits,
        expires_at_ms: int,
        now_ms: int,
    ) -> TrayView:
        """Puts what `change` makes of the tray in its place, numbered anew; the whole tray then expires at that time.

        `change` is pure and may raise `Refused`; then nothing changes. `Refused` (tray-full, trays-full,
        guild-trays-full) when the new tray is larger than the old one and over a limit, and (files-withdrawn) for
        further files that were taken back while they were collected.
        """
        ...


class ConsentStore(Protocol):
    """What people allow others to do with their files and avatars. Every method is one transaction.

    `Unavailable` when the database does not answer.
    """

    async def consents(self, guild_id: int, *, owners: Collection[int], messages: Collection[int]) -> Consents:
        """What holds now in that guild for those people (`files_allowed`, `avatar_allowed`) and those messages."""
        ...

    async def choice(self, person_id: int, guild_id: int) -> Choice:
        """What that person said for that guild (or `EVERYWHERE`); nothing said is an empty choice."""
        ...

    async def choose(self, person_id: int, guild_id: int, choice: Choice, *, now_ms: int) -> tuple[str, ...]:
        """Stores the choice; what is `None` in it stays as it was said.

        Answers the ids of the open requests with a take that was not begun which a reference is now `stopping`.
        """
        ...

    async def withdraw(self, message_id: int, owner_id: int, *, now_ms: int) -> tuple[str, ...]:
        """Takes back the files of a message, from everybody and for good.

        In a tray they stay, so that no number changes unasked, and are refused when the tray is used. Answers the ids
        of the open requests with a take that was not begun which such a reference is now `stopping`.
        """
        ...


class GuildChoiceStore(Protocol):
    """What a guild's admins chose. Every change is kept with who made it and when. One transaction a method.

    `Unavailable` when the database does not answer.
    """

    async def guild_choices(self, guild_id: int) -> GuildChoices:
        """What is set for the guild."""
        ...

    async def set_guild_choices(self, guild_id: int, choices: GuildChoices, *, by: int, now_ms: int) -> GuildChoices:
        """Stores what is not `None` in `choices` over what was set; answers what is set then."""
        ...


class PolicyStore(Protocol):
    """What guilds' admins set, and who is blocked. Every change is kept with who made it and when.

    Every method is one transaction. `guild_id` may be `ANYWHERE` where blocks are asked for or changed.
    `Unavailable` when the database does not answer.
    """

    async def policy(self, guild_id: int) -> Policy:
        """What the guild set; not what holds there, which `holding` makes of it."""
        ...

    async def change_policy(self, guild_id: int, change: Callable[[Policy], Policy], *, by: int, now_ms: int) -> Policy:
        """Puts what `change` makes of the guild's policy in its place and answers it.

        `change` is pure and may raise `Refused`; then nothing changes.
        """
        ...

    async def changes(self, guild_id: int, *, limit: int) -> tuple[Change, ...]:
        """The last changes of the guild's policy and blocks, newest first."""
        ...

    async def block(self, block: Block) -> None:
        """Blocks a person; a block of theirs that is there already, in the same guild, gives way to it."""
        ...

    async def unblock(self, guild_id: int, person_id: int, *, by: int, now_ms: int) -> bool:
        """Lifts the block of exactly that guild; false when none holds there."""
        ...

    async def blocks(self, guild_id: int, *, now_ms: int, limit: int) -> tuple[Block, ...]:
        """The blocks of exactly that guild that hold now, newest first."""
        ...

    async def block_of(self, guild_id: int, person_id: int, *, now_ms: int) -> Block | None:
        """The block that holds for the person there now: the guild's or one for `ANYWHERE`, whichever ends last."""
        ...


class ContentStore(Protocol):
    """Bytes by their SHA-256 (lower-case hex). `Unavailable` when the storage does not answer."""

    async def holds(self, key: str) -> bool:
        """True when the bytes are there; they count as put just now, so that no sweep takes them meanwhile."""
        ...

    async def put(self, path: Path) -> str:
        """Keeps a file's bytes and answers their key. Keeping the same bytes again costs nothing."""
        ...

    async def copy_to(self, key: str, path: Path) -> None:
        """Writes the bytes to a local file (created or replaced), streamed. `KeyError` when they are not there."""
        ...

    async def discard(self, key: str) -> None:
        """Forgets the bytes; not an error when they are gone."""
        ...


class Downloader(Protocol):
    """Fetches an offer's bytes."""

    async def fetch(self, offer: Offer, into: Path) -> int:
        """Streams the offer's file to `into` and answers its byte count.

        `Refused` (file-too-large, source-not-allowed, source-gone …) or `Unavailable`.
        """
        ...


class MediaTools(Protocol):
    """Looks into files. Untrusted bytes are opened only in the media child; a killed child is a clear `Refused`."""

    def sniff(self, head: bytes) -> Sniffed:
        """What the first 64 KiB say. No decoder is involved; unknown content has `kind=None`."""
        ...

    async def probe(self, path: Path, sniffed: Sniffed) -> MediaFacts:
        """Measures a file. `Refused` with file-unreadable, media-too-heavy and the like."""
        ...

    async def animatic(self, plan: AnimaticPlan, into: Path) -> MediaFacts:
        """Draws a real MP4 out of the plan's parts and measures it."""
        ...

    async def reference_sheet(self, parts: Sequence[AnimaticPart], into: Path) -> None:
        """Writes a PNG with a labelled tile for each part, in order. Refusals as for `probe`.

        A tile has the picture, a frame of the clip, or the levels of the sound.
        """
        ...

    async def contact_sheet(self, clips: Sequence[Path], into: Path, *, labels: Sequence[str]) -> None:
        """Writes a PNG with frames of each clip in a row of its own."""
        ...


class Conformer(Protocol):
    """Decides on files and makes them fit the model; opens them in the media child only."""

    async def record(self, path: Path, limits: ModelLimits, *, name: str | None = None) -> Record:
        """Sniffs and measures a file and decides on it, whatever it is: damage and danger are records, not errors.

        `name` is what people call it (`None`: its path's name): sentences say it, and its ending is compared.
        `Unavailable` when no child can be started.
        """
        ...

    async def conform(
        self, path: Path, plan: FilePlan, into: Path, *, progress: Callable[[float], None] | None = None
    ) -> Record:
        """Makes of a file what the plan says, writes it to `into` (whole or not at all), and looks at what came of it.

        `progress` is called with 0 to 1. `Refused` when it cannot be made, or came out otherwise than planned.
        """
        ...


class ClipTools(Protocol):
    """Looks into clips that came back, and makes smaller things of them; opens them in the media child only."""

    async def check_clip(self, path: Path) -> ClipFindings:
        """What a clip that came back is, and how much of it is black, frozen or silent. Refusals as `probe`."""
        ...

    async def shrink(
        self, path: Path, into: Path, *, max_bytes: int, tags: Mapping[str, str] | None = None
    ) -> MediaFacts:
        """Makes a clip fit into that many bytes: one pass, its size checked, tried once more. `Refused` if it cannot.

        One that is small enough is copied. `tags` (`title`, `comment`) are written into it, and then nothing else is.
        """
        ...

    async def poster(self, path: Path, into: Path) -> MediaFacts:
        """Writes a JPEG of a telling frame of a clip."""
        ...

    async def preview(self, path: Path, into: Path, *, max_bytes: int) -> MediaFacts:
        """Writes a small looping WebP of a clip, at most that large."""
        ...

    async def last_frame(self, path: Path, into: Path) -> MediaFacts:
        """Writes a clip's very last frame as a PNG, at its own size."""
        ...


class Provider(Protocol):
    """The vendor of generations. Raises the `ProviderError` tree; never spends twice by itself."""

    async def model(self) -> ModelSpec:
        """The model as the vendor describes it now (cached for an hour), or the pinned one when it cannot be had."""
        ...

    def prepare(self, spec: ModelSpec, submission: Submission) -> PreparedBody:
        """Puts a submission into the schema's fields; every value is explicit. Pure."""
        ...

    async def submit(self, body: Mapping[str, object]) -> str:
        """Starts one generation and answers its id. `NotStarted`, `Rejected` or `OutcomeUnknown`."""
        ...

    async def find(
        self, body: Mapping[str, object], *, since_ms: int, claimed: Collection[str]
    ) -> tuple[Generation, ...]:
        """The generations that echo this very body, begun since then, and that nobody has claimed. `Unavailable`."""
        ...

    async def active(self) -> tuple[Generation, ...]:
        """Every generation that is queued or processing, in one call. `Unavailable`."""
        ...

    async def look(self, generation_id: str) -> Generation:
        """One generation with its cost; `state=MISSING` when the vendor does not know it. `Unavailable`."""
        ...

    async def cancel(self, generation_id: str) -> None:
        """Asks the vendor to stop; no promise: `look` tells what came of it. `Unavailable`."""
        ...

    async def download(self, url: str, into: Path) -> int:
        """Streams a result to a file and answers its byte count. `Unavailable`, or `Rejected` (result-gone …)."""
        ...


class Publisher(Protocol):
    """Makes references reachable by URL for the vendor, per take, and takes them back."""

    @property
    def max_bytes_each(self) -> int:
        """The largest file it can carry."""
        ...

    def refusal(self, reference: Reference) -> str | None:
        """The code of why it cannot carry this reference, or `None`. Pure."""
        ...

    async def publish(
        self, take_id: str, references: Sequence[Reference], existing: Sequence[Publication]
    ) -> tuple[Publication, ...]:
        """URLs of this take's own, valid from now for hours; `existing` ones are renewed, not posted again.

        `Unavailable`, or `Refused` when it cannot be done for good.
        """
        ...

    async def withdraw(self, take_id: str, publications: Sequence[Publication]) -> None:
        """Takes back all that was published for the take, also what a crash kept from being recorded.

        Not an error when it is gone. `Unavailable`.
        """
        ...


class Poster(Protocol):
    """Posts files into a channel exactly once, by nonce and by marker. Used by publishers; results use `Courier`."""

    async def post_files(
        self, channel_id: int, *, nonce: str, marker: str, files: Sequence[tuple[str, Path]]
    ) -> tuple[int, tuple[str, ...]]:
        """Posts named files once; answers the message id and their fresh URLs, in order.

        `Unavailable`, `DeliveryRefused`.
        """
        ...

    async def file_urls(self, channel_id: int, message_id: int) -> tuple[str, ...] | None:
        """Fresh URLs of a message's files, or `None` when the message is gone. `Unavailable`."""
        ...

    async def find(self, channel_id: int, *, marker_prefix: str) -> int | None:
        """The id of one of the bot's recent messages there whose marker begins so, or `None`. `Unavailable`."""
        ...

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Deletes a message; not an error when it is gone. `Unavailable`."""
        ...


class Courier(Protocol):
    """Brings cards and results to Discord with the bot's token. Posts once per slot, whatever crashed in between."""

    async def show_card(self, snapshot: Snapshot) -> None:
        """Posts the request's card, or edits it to the snapshot. `Unavailable`, `DeliveryRefused`."""
        ...

    async def open_thread(self, snapshot: Snapshot) -> int | None:
        """The thread for the result: the card's own (opened once), the one it was asked in, or `None`: the channel."""
        ...

    async def deliver(self, snapshot: Snapshot, clips: Sequence[tuple[Take, Path]]) -> tuple[Undelivered, ...]:
        """Posts the result with its clips, in one message or in several; answers which messages were refused, and why.

        Which clip comes in which message is decided by the clips as they came back: one that was made smaller since
        is posted in its place. `Unavailable`.
        """
        ...

    async def call_back(self, snapshot: Snapshot) -> None:
        """Tells the requester, once, in the channel, that a draft waits for them: their answer was lost in a restart.

        `Unavailable`, `DeliveryRefused`.
        """
        ...

    async def announce(self, snapshot: Snapshot) -> None:
        """Tells the requester, once, that the request ended without a posted clip, why, and what it cost.

        `Unavailable`, `DeliveryRefused`.
        """
        ...


class Cards(Protocol):
    """Keeps cards true without haste: coalesces changes and never edits one card faster than its interval."""

    def changed(self, request_id: str) -> None:
        """The request's card wants to be drawn anew, soon."""
        ...


class Engine(Protocol):
    """Who carries a request's next steps."""

    def wake(self, request_id: str, *, delay_ms: int = 0) -> None:
        """Sees to it that `advance(request_id)` runs, now or after the delay; at most one at a time per request."""
        ...
