"""The store's ports over SQL: which transaction answers which question. What they do is in the modules named here."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from bot.domain.conform import Made
from bot.domain.consent import Choice, Consents
from bot.domain.drafts import Allowance, GuildChoices, TrayLimits, TrayView
from bot.domain.generations import PreparedBody
from bot.domain.lanes import Standing
from bot.domain.money import Asked, LedgerLine
from bot.domain.policies import Block, Change, Holding, Policy
from bot.domain.ports import FaultPoint, no_fault
from bot.domain.prompts import Finding, Prompt
from bot.domain.quotas import Quotas
from bot.domain.references import Reference
from bot.domain.requests import Person, Place, Post, Request, Snapshot, Take, Wish
from bot.domain.states import RequestState, TakeState
from bot.queue import (
    acceptance,
    allowances,
    backfill,
    blocks,
    claims,
    consents,
    drafts,
    guild_choices,
    lanes,
    leases,
    ledger,
    ledger_reads,
    moves,
    outbox,
    policies,
    retention,
    rulings,
    snapshots,
    terms,
    trays,
    unfinished,
    waiting,
)
from bot.queue.acceptance import Acceptance
from bot.queue.allowances import Fetching
from bot.queue.drafts import DraftLimits
from bot.queue.engine import Clock, Database, wall_clock_ms
from bot.queue.migrations import upgrade
from bot.queue.policies import PolicyChange
from bot.queue.terms import PresentWindows, Rule, Terms
from bot.queue.trays import TrayChange, TrayOf

_AT_ONCE: Final = 200
"""Of requests whose place changes in one transaction."""


class SqlRequestStore:
    """The ports `RequestStore`, `TrayStore`, `ConsentStore`, `GuildChoiceStore`, `PolicyStore`: their promises hold.

    On SQLite, and on PostgreSQL where its driver is installed. To be opened before use and closed after it.
    """

    def __init__(
        self,
        url: str,
        *,
        holding: Holding,
        windows: PresentWindows,
        rule: Rule,
        reached: FaultPoint = no_fault,
        max_open_drafts_per_person: int | None = None,
        max_open_drafts_per_guild: int | None = None,
        shared: bool = False,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """`url`: `sqlite:///file` (its folder exists) or `postgresql+psycopg://…`.

        `ValueError`, with a sentence, for any other url and for a driver that is not installed.

        `holding` makes what holds in a guild of what it set, `windows` the present spans of its time zone, and `rule`
        decides on both inside the accepting transaction. `reached` is called on the store's own thread, right
        after the commit, with `request.<state>` or `take.<state>` for every state a row entered (planned takes are
        part of their request's acceptance).

        `max_open_drafts_per_person`: a person with that many requests in a guild that are drafts or queued is refused
        another draft there (too-many-waiting, too-many-own-drafts); `None`: no limit. `max_open_drafts_per_guild`: in a
        guild with that many drafts everybody is (too-many-drafts).

        `shared`: this process is one of several that serve on the database; `alone` says what it means then. `clock`:
        when a line of the ledger was written that comes of a move (Unix ms).
        """
        self._database = Database(url, reached=reached, shared=shared, clock=clock)
        self._terms = Terms(holding=holding, windows=windows, rule=rule)
        self._clock = clock
        self._draft_limits = DraftLimits(
            waiting_per_person=max_open_drafts_per_person, drafts_per_guild=max_open_drafts_per_guild
        )

    async def open(self, *others: Callable[[Connection], None]) -> None:
        """Connects and brings the tables up to date. `Unavailable` when that cannot be done.

        `others` do so for tables that are not ours in the same database, under the same lock. What an older release
        accepted takes its places in the lanes, and what the deployment's defaults and ceilings say now holds there.
        """
        for work in (upgrade, *others):
            await self._database.prepare(work)
        while await self._enter_left_out() >= _AT_ONCE:
            pass
        await self._database.write(lambda work: rulings.apply_anew(work, self._terms))

    async def alone(self) -> bool:
        """True when this is the one process that serves on the database; to be asked again now and then.

        On PostgreSQL a lock that ends with the process, or with its connection: then it is taken anew, unless another
        process was quicker. On SQLite always true, where the storage's folder has a lock of its own. Of a `shared`
        store: true while no process serves that does not share.
        """
        return await self._database.alone()

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

    async def quotas(self, guild_id: int, person: Person, *, now_ms: int) -> Quotas:
        """See the port."""
        return await self._database.read(
            lambda connection: terms.quotas_of(connection, self._terms, guild_id, person, now_ms)
        )

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
        asked: Asked,
        now_ms: int,
        references: Sequence[Reference] | None = None,
        roles: Sequence[int] | None = None,
    ) -> Snapshot:
        """See the port."""
        given = Acceptance(
            prompt=prompt,
            findings=findings,
            model_id=model_id,
            asked=asked,
            now_ms=now_ms,
            references=None if references is None else tuple(references),
            roles=None if roles is None else tuple(roles),
        )
        return await self._database.write(lambda work: acceptance.accept(work, request, given, self._terms))

    async def claim_next(self, *, max_running: int, now_ms: int) -> str | None:
        """See the port."""
        return await self._database.write(lambda work: claims.claim_next(work, max_running=max_running, now_ms=now_ms))

    async def age_lanes(self, *, now_ms: int) -> None:
        """See the port. What an older release accepted beside us takes its place, too."""
        await self._database.write(lambda work: lanes.age(work, now_ms=now_ms, batch=_AT_ONCE))
        await self._enter_left_out()

    async def line(self, guild_id: int) -> tuple[tuple[Request, Standing], ...]:
        """See the port."""
        return await self._database.read(lambda connection: waiting.line(connection, guild_id))

    async def ledger(self, guild_id: int, *, since_ms: int, until_ms: int) -> tuple[LedgerLine, ...]:
        """See the port."""
        return await self._database.read(
            lambda connection: ledger_reads.lines_between(connection, guild_id, since_ms, until_ms)
        )

    async def adjust(self, take_id: str, cost_usd_micros: int, *, cause: str, now_ms: int) -> None:
        """See the port. `KeyError` for a take for which nothing was ever held; `ValueError` for a negative cost."""
        await self._database.write(lambda work: ledger.adjust(work, take_id, cost_usd_micros, cause, now_ms))

    async def move(self, request: Request, state: RequestState, **changes: object) -> Request:
        """See the port. `TypeError` for a name that is no field to change.

        Only `accept` moves to queued, only `claim_next` from there to preparing.
        """
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

    async def unsettled(self, limit: int) -> tuple[Take, ...]:
        """See the port."""
        return await self._database.read(
            lambda connection: unfinished.takes_of(connection, ledger_reads.unsettled(connection, limit))
        )

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
        """See the port; and what `bot.queue.retention` names."""
        await self._database.write(lambda work: retention.tidy(work, now_ms))

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

    async def policy(self, guild_id: int) -> Policy:
        """See the port."""
        return await self._database.read(lambda connection: policies.policy_of(connection, guild_id))

    async def change_policy(self, guild_id: int, change: PolicyChange, *, by: int, now_ms: int) -> Policy:
        """See the port. `change` is called on the store's thread."""
        return await self._database.write(
            lambda work: rulings.change_policy(work, guild_id, change, self._terms, by=by, now_ms=now_ms)
        )

    async def changes(self, guild_id: int, *, limit: int) -> tuple[Change, ...]:
        """See the port."""
        return await self._database.read(lambda connection: policies.changes_of(connection, guild_id, limit))

    async def block(self, block: Block) -> None:
        """See the port."""
        await self._database.write(lambda work: blocks.block(work, block))

    async def unblock(self, guild_id: int, person_id: int, *, by: int, now_ms: int) -> bool:
        """See the port."""
        return await self._database.write(lambda work: blocks.unblock(work, guild_id, person_id, by, now_ms))

    async def blocks(self, guild_id: int, *, now_ms: int, limit: int) -> tuple[Block, ...]:
        """See the port."""
        return await self._database.read(lambda connection: blocks.blocks_of(connection, guild_id, now_ms, limit))

    async def block_of(self, guild_id: int, person_id: int, *, now_ms: int) -> Block | None:
        """See the port."""
        return await self._database.read(lambda connection: blocks.block_of(connection, guild_id, person_id, now_ms))

    async def _enter_left_out(self) -> int:
        return await self._database.write(
            lambda work: backfill.enter_left_out(work, self._terms, self._clock(), _AT_ONCE)
        )
