"""The store's ports over SQL: which transaction answers which question. What they do is in the modules named here."""

from collections.abc import Callable, Collection, Sequence

from bot.domain.admission import GuildPolicy, Usage
from bot.domain.conform import Made
from bot.domain.consent import Choice, Consents
from bot.domain.drafts import Allowance, GuildChoices, TrayLimits, TrayView
from bot.domain.generations import PreparedBody
from bot.domain.ports import FaultPoint, no_fault
from bot.domain.prompts import Finding, Prompt
from bot.domain.references import Reference
from bot.domain.requests import Place, Post, Request, Snapshot, Take, Wish
from bot.domain.states import RequestState, TakeState
from bot.queue import (
    acceptance,
    allowances,
    claims,
    consents,
    drafts,
    guild_choices,
    leases,
    moves,
    outbox,
    snapshots,
    trays,
    unfinished,
    waiting,
)
from bot.queue.acceptance import Acceptance, QuotaRule
from bot.queue.allowances import Fetching
from bot.queue.drafts import DraftLimits
from bot.queue.engine import Database, Transaction
from bot.queue.migrations import upgrade
from bot.queue.trays import TrayChange, TrayOf


class SqlRequestStore:
    """The ports `RequestStore`, `TrayStore`, `ConsentStore` and `GuildChoiceStore`: their promises hold here.

    On SQLite, and on PostgreSQL where its driver is installed. To be opened before use and closed after it.
    """

    def __init__(
        self,
        url: str,
        *,
        quota_rule: QuotaRule,
        reached: FaultPoint = no_fault,
        max_open_drafts_per_person: int | None = None,
        max_open_drafts_per_guild: int | None = None,
    ) -> None:
        """`url`: `sqlite:///file` (its folder exists) or `postgresql+psycopg://…`.

        `ValueError`, with a sentence, for any other url and for a driver that is not installed.

        `quota_rule` decides inside the accepting transaction. `reached` is called on the store's own thread, right
        after the commit, with `request.<state>` or `take.<state>` for every state a row entered (planned takes are
        part of their request's acceptance).

        `max_open_drafts_per_person`: a person with that many requests in a guild that are drafts or queued is refused
        another draft there (too-many-waiting, too-many-own-drafts); `None`: no limit. `max_open_drafts_per_guild`: in a
        guild with that many drafts everybody is (too-many-drafts).
        """
        self._database = Database(url, reached=reached)
        self._quota_rule = quota_rule
        self._draft_limits = DraftLimits(
            waiting_per_person=max_open_drafts_per_person, drafts_per_guild=max_open_drafts_per_guild
        )

    async def open(self) -> None:
        """Connects and brings the tables up to date. `Unavailable` when that cannot be done."""
        await self._database.prepare(upgrade)

    async def close(self) -> None:
        """Lets running transactions end. Whatever is called afterwards raises `Unavailable`."""
        await self._database.close()

    async def create_draft(self, request_id: str, wish: Wish, *, now_ms: int) -> Snapshot:
        """See the port. `Refused` when too many of that person wait in the guild, or it has too many drafts."""
        return await self._database.write(
            lambda work: drafts.create_draft(work, request_id, wish, now_ms, limits=self._draft_limits)
        )

    async def load(self, request_id: str) -> Snapshot | None:
        """See the port."""
        return await self._database.read(lambda connection: snapshots.load(connection, request_id))

    async def usage(self, guild_id: int, person_id: int, *, now_ms: int) -> Usage:
        """See the port."""
        return await self._database.read(lambda connection: acceptance.usage(connection, guild_id, person_id, now_ms))

    async def drafts_of(self, guild_id: int, person_id: int) -> tuple[str, ...]:
        """See the port."""
        return await self._database.read(lambda connection: drafts.drafts_of(connection, guild_id, person_id))

    async def made_by(self, interaction_id: int) -> Snapshot | None:
        """See the port."""
        return await self._database.read(lambda connection: snapshots.made_by(connection, interaction_id))

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
        """See the port. A person is counted for in all guilds together."""
        fetching = Fetching(
            guild_id=guild_id,
            person_id=person_id,
            files=files,
            byte_count=byte_count,
            now_ms=now_ms,
            draft_id=draft_id,
        )
        await self._database.write(lambda work: allowances.reserve(work, fetching, allowance))

    async def reserve_animatic(self, guild_id: int, person_id: int, *, allowance: Allowance, now_ms: int) -> None:
        """See the port. A person is counted for in all guilds together."""
        await self._database.write(
            lambda work: allowances.reserve_animatic(work, guild_id, person_id, allowance, now_ms=now_ms)
        )

    async def accept(
        self,
        request: Request,
        *,
        prompt: Prompt,
        findings: Sequence[Finding],
        model_id: str,
        policy: GuildPolicy,
        now_ms: int,
        references: Sequence[Reference] | None = None,
    ) -> Snapshot:
        """See the port."""
        terms = Acceptance(
            prompt=prompt,
            findings=findings,
            model_id=model_id,
            policy=policy,
            now_ms=now_ms,
            references=None if references is None else tuple(references),
        )
        return await self._database.write(lambda work: acceptance.accept(work, request, terms, self._quota_rule))

    async def claim_next(self, policy: Callable[[int], GuildPolicy], *, max_running: int, now_ms: int) -> str | None:
        """See the port. `policy` is called on the store's thread."""
        return await self._database.write(
            lambda work: claims.claim_next(work, policy, max_running=max_running, now_ms=now_ms)
        )

    async def move(self, request: Request, state: RequestState, **changes: object) -> Request:
        """See the port. `TypeError` for a name that is no field to change; only `accept` moves to queued."""
        return await self._database.write(lambda work: moves.move(work, request, state, changes))

    async def record_made(self, request: Request, reference_id: str, made: Made) -> Request:
        """See the port. `KeyError` for a reference that the request does not have."""
        return await self._database.write(lambda work: moves.record_made(work, request, reference_id, made))

    async def move_take(self, take: Take, state: TakeState, **changes: object) -> Take:
        """See the port. `TypeError` for a name that is no field to change.

        `Stale` for a generation that another take owns; `Unavailable` while a twin (same fingerprint) is in submitting.
        """
        return await self._database.write(lambda work: moves.move_take(work, take, state, changes))

    async def begin_submission(self, take: Take, prepared: PreparedBody, *, now_ms: int) -> Take | None:
        """See the port."""
        return await self._database.write(lambda work: moves.begin_submission(work, take, prepared, now_ms))

    async def intend_post(self, request_id: str, slot: str, channel_id: int, *, now_ms: int) -> tuple[Post, bool]:
        """See the port. `KeyError` for a request that does not exist."""
        return await self._database.write(lambda work: outbox.intend_post(work, request_id, slot, channel_id, now_ms))

    async def record_post(self, request_id: str, slot: str, *, message_id: int | None, shown: str | None) -> None:
        """See the port. Both are stored as given, `None` too; `KeyError` for a slot never intended."""
        await self._database.write(
            lambda work: outbox.record_post(work, request_id, slot, message_id=message_id, shown=shown)
        )

    async def open_requests(self) -> tuple[str, ...]:
        """See the port."""
        return await self._database.read(unfinished.open_requests)

    async def watched_takes(self) -> tuple[Take, ...]:
        """See the port."""
        return await self._database.read(unfinished.watched_takes)

    async def claimed_generations(self) -> frozenset[str]:
        """See the port."""
        return await self._database.read(unfinished.claimed_generations)

    async def waiting_in_guild(self, guild_id: int) -> tuple[str, ...]:
        """See the port."""
        return await self._database.read(lambda connection: waiting.waiting_in_guild(connection, guild_id))

    async def take_lease(self, name: str, holder: str, *, ttl_ms: int, now_ms: int) -> bool:
        """See the port."""
        return await self._database.write(
            lambda work: leases.take_lease(work, name, holder, ttl_ms=ttl_ms, now_ms=now_ms)
        )

    async def recall(self, key: str) -> str | None:
        """See the port."""
        return await self._database.read(lambda connection: leases.recall(connection, key))

    async def remember(self, key: str, value: str) -> None:
        """See the port."""
        await self._database.write(lambda work: leases.remember(work, key, value))

    async def contents_in_use(self, *, since_ms: int) -> frozenset[str]:
        """See the port."""
        return await self._database.read(lambda connection: unfinished.contents_in_use(connection, since_ms))

    async def tidy(self, *, now_ms: int) -> None:
        """See the port."""

        def forget(work: Transaction) -> None:
            trays.empty_expired(work, now_ms)
            allowances.forget_old(work, now_ms)

        await self._database.write(forget)

    async def tray(self, channel_id: int, person_id: int, *, now_ms: int) -> TrayView:
        """See the port."""
        return await self._database.read(lambda connection: trays.tray(connection, channel_id, person_id, now_ms))

    async def change_tray(
        self,
        place: Place,
        person_id: int,
        change: TrayChange,
        *,
        limits: TrayLimits,
        expires_at_ms: int,
        now_ms: int,
    ) -> TrayView:
        """See the port. `change` is called on the store's thread."""
        whose = TrayOf(guild_id=place.guild_id, channel_id=place.channel_id, person_id=person_id)
        return await self._database.write(
            lambda work: trays.change_tray(work, whose, change, limits, expires_at_ms=expires_at_ms, now_ms=now_ms)
        )

    async def consents(self, guild_id: int, *, owners: Collection[int], messages: Collection[int]) -> Consents:
        """See the port."""
        return await self._database.read(
            lambda connection: consents.consents_of(connection, guild_id, owners=owners, messages=messages)
        )

    async def choice(self, person_id: int, guild_id: int) -> Choice:
        """See the port."""
        return await self._database.read(lambda connection: consents.choice(connection, person_id, guild_id))

    async def choose(self, person_id: int, guild_id: int, choice: Choice, *, now_ms: int) -> tuple[str, ...]:
        """See the port. Drafts are not among them: they have no takes yet."""
        return await self._database.write(lambda work: consents.choose(work, person_id, guild_id, choice, now_ms))

    async def withdraw(self, message_id: int, owner_id: int, *, now_ms: int) -> tuple[str, ...]:
        """See the port. Drafts are not among them: they have no takes yet."""
        return await self._database.write(lambda work: consents.withdraw(work, message_id, owner_id, now_ms))

    async def guild_choices(self, guild_id: int) -> GuildChoices:
        """See the port."""
        return await self._database.read(lambda connection: guild_choices.choices_of(connection, guild_id))

    async def set_guild_choices(self, guild_id: int, choices: GuildChoices, *, by: int, now_ms: int) -> GuildChoices:
        """See the port."""
        return await self._database.write(lambda work: guild_choices.set_choices(work, guild_id, choices, by, now_ms))
