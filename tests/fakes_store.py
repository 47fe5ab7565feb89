"""The store in memory: all its ports. The contract suites prove that it keeps its word."""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

from bot.admission.rules import refusals_of
from bot.admission.spans import present_windows
from bot.domain.admission import waiting_refusal
from bot.domain.bills import bill_of
from bot.domain.conform import Made
from bot.domain.consent import EVERYWHERE, Choice, Consents, avatar_allowed, concerned, files_allowed, stopping
from bot.domain.drafts import Allowance, GuildChoices, TrayLimits, TrayView
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.generations import PreparedBody
from bot.domain.identity import take_id
from bot.domain.lanes import Standing, Turn
from bot.domain.money import Account, Asked, Cause, Entry, LedgerLine
from bot.domain.policies import (
    ANYWHERE,
    Block,
    Holding,
    Limits,
    Policy,
    Span,
    holding,
    last_to_end,
    limits_of,
    priority_of,
    weight_of,
)
from bot.domain.ports import FaultPoint, no_fault
from bot.domain.prompts import Finding, Prompt
from bot.domain.quotas import Quotas, Usage
from bot.domain.reasons import Reason, reason
from bot.domain.references import Origin, Reference, display_name, numbered
from bot.domain.requests import Person, Place, Post, Request, Snapshot, Take, Wish
from bot.domain.states import (
    IllegalMove,
    RequestState,
    TakeState,
    check_request_move,
    check_take_move,
)
from bot.domain.words import byte_size
from bot.queue import ledger
from bot.queue.days import utc_day
from bot.queue.engine import Clock, wall_clock_ms
from bot.queue.lane_limits import limits_from, own_running
from bot.queue.leaving import slimmed
from bot.queue.terms import OTHER_DAY_MS, OTHER_MONTH_MS, PresentWindows, Rule
from tests.fakes_lanes import MemoryLanes
from tests.fakes_ledger import MemoryLedger
from tests.fakes_quotas import Accepted, MemoryCounts, MemoryPolicyStore

_Row = TypeVar("_Row", Request, Take, Choice, GuildChoices)

_LINE_SHOWN: Final = 25
_AFTERTHOUGHT_MS: Final = 7 * 86_400_000
_ALLOWANCES_KEPT_MS: Final = 2 * 86_400_000
_KEPT_MS: Final = 400 * 86_400_000
_AGED_AT_ONCE: Final = 200
_PENDING: Final = frozenset({RequestState.DRAFT, RequestState.AWAITING_APPROVAL, RequestState.QUEUED})
_GOING_ON: Final = frozenset({TakeState.SUBMITTING, TakeState.RENDERING, TakeState.FETCHING})
_LOOKED_FOR: Final = frozenset({TakeState.SUBMITTING, TakeState.NEEDS_REVIEW})
_AT_WORK: Final = _GOING_ON | _LOOKED_FOR
_ENDED_WITHOUT_CLIP: Final = frozenset(
    {RequestState.CANCELLED, RequestState.FAILED, RequestState.DENIED, RequestState.EXPIRED}
)
_SHOWN_WHEN_FINAL: Final = frozenset(
    {RequestState.DELIVERED, RequestState.KEPT, RequestState.FAILED, RequestState.CANCELLED}
)
_STORES_OWN: Final = frozenset({"id", "version", "state", "request_id", "ordinal"})
_REQUEST_FIELDS: Final = frozenset(field.name for field in fields(Request)) - _STORES_OWN
_TAKE_FIELDS: Final = frozenset(field.name for field in fields(Take)) - _STORES_OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Tray:
    """What the fake remembers of one tray."""

    guild_id: int
    references: tuple[Reference, ...]
    expires_at_ms: int


def _free(policy: Policy) -> Policy:
    """What a guild wants, without ceilings; nothing set is no limit."""
    return holding(policy, Policy(time_zone="UTC", unpriced=True), Policy())


class MemoryRequestStore(MemoryPolicyStore):
    """All five ports of the store over dicts. Every method lets others run once, then does its work in one go."""

    def __init__(
        self,
        *,
        holding: Holding = _free,
        windows: PresentWindows = present_windows,
        rule: Rule = refusals_of,
        reached: FaultPoint = no_fault,
        max_open_drafts_per_person: int | None = None,
        max_open_drafts_per_guild: int | None = None,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """As the real store's; `reached` is called with `request.<state>` / `take.<state>` after each."""
        super().__init__()
        self._holding = holding
        self._windows = windows
        self._rule = rule
        self._clock = clock
        self._lanes = MemoryLanes()
        self._counts = MemoryCounts()
        self._money = MemoryLedger()
        self._lines: list[LedgerLine] = []
        self._openings: dict[tuple[int, int], LedgerLine] = {}
        self._last_line = 0
        self._max_waiting = max_open_drafts_per_person
        self._max_drafts = max_open_drafts_per_guild
        self._reached = reached
        self._requests: dict[str, Request] = {}
        self._line: dict[str, int] = {}
        self._takes: dict[str, Take] = {}
        self._posts: dict[tuple[str, str], Post] = {}
        self._leases: dict[str, tuple[str, int]] = {}
        self._facts: dict[str, str] = {}
        self._trays: dict[tuple[int, int], Tray] = {}
        self._choices: dict[tuple[int, int], Choice] = {}
        self._withdrawn: dict[int, int] = {}
        self._collected: dict[tuple[str, int, int], tuple[int, int]] = {}
        self._reserved: set[str] = set()
        self._guild_choices: dict[int, GuildChoices] = {}
        self.guild_choice_changes: list[tuple[int, int, int, GuildChoices]] = []

    async def open(self) -> None:
        """Nothing to open; there so that it can stand where the real store stands."""

    async def close(self) -> None:
        """Nothing to close."""

    # --- drafts ------------------------------------------------------------------------------------------------------

    async def create_draft(self, request_id: str, wish: Wish, *, now_ms: int) -> Snapshot:
        await asyncio.sleep(0)
        for known in self._requests.values():
            if known.interaction_id == wish.interaction_id:
                return self._snapshot(known)
        waiting, drafts = self._person_waiting(wish.place.guild_id, wish.person.id)
        if self._max_waiting is not None and (refusal := waiting_refusal(waiting, drafts, self._max_waiting)):
            raise Refused(refusal)
        if self._max_drafts is not None and self._drafts_in(wish.place.guild_id) >= self._max_drafts:
            raise Refused(reason("too-many-drafts", limit=self._max_drafts))
        if request_id in self._requests:
            raise Unavailable(reason("database-unavailable"))
        request = Request(
            id=request_id,
            version=1,
            state=RequestState.DRAFT,
            interaction_id=wish.interaction_id,
            place=wish.place,
            person=wish.person,
            written_prompt=wish.prompt,
            offers=wish.offers,
            parameters=wish.parameters,
            take_count=wish.take_count,
            created_at_ms=now_ms,
            names=wish.names,
            ask=wish.ask,
        )
        self._requests[request_id] = request
        self._reached("request.draft")
        return self._snapshot(request)

    async def load(self, request_id: str) -> Snapshot | None:
        await asyncio.sleep(0)
        request = self._requests.get(request_id)
        return None if request is None else self._snapshot(request)

    async def made_by(self, interaction_id: int) -> Snapshot | None:
        await asyncio.sleep(0)
        found = [each for each in self._requests.values() if each.interaction_id == interaction_id]
        return self._snapshot(found[0]) if found else None

    async def drafts_of(self, guild_id: int, person_id: int) -> tuple[str, ...]:
        await asyncio.sleep(0)
        waiting = [
            each
            for each in self._requests.values()
            if each.state is RequestState.DRAFT
            and each.place.guild_id == guild_id
            and each.person.id == person_id
            and each.expires_at_ms is not None
        ]
        newest_first = sorted(waiting, key=lambda each: (each.created_at_ms, each.id), reverse=True)
        return tuple(each.id for each in newest_first)

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
        await asyncio.sleep(0)
        if draft_id is not None and (draft_id in self._reserved or draft_id not in self._requests):
            return
        start_ms, end_ms = utc_day(now_ms)
        allowed = (
            ("person", person_id, allowance.person_files, allowance.person_bytes),
            ("guild", guild_id, allowance.guild_files, allowance.guild_bytes),
        )
        refusals: list[Reason] = []
        counted: dict[tuple[str, int, int], tuple[int, int]] = {}
        for scope, owner_id, max_files, max_bytes in allowed:
            had_files, had_bytes = self._collected.get((scope, owner_id, start_ms), (0, 0))
            counted[scope, owner_id, start_ms] = (had_files + files, had_bytes + byte_count)
            if files and had_files + files > max_files:
                refusals.append(Reason(f"free-{scope}-files", {"limit": max_files, "resets_at": end_ms // 1000}))
            if byte_count and had_bytes + byte_count > max_bytes:
                limit = byte_size(max_bytes)
                refusals.append(Reason(f"free-{scope}-bytes", {"limit": limit, "resets_at": end_ms // 1000}))
        if refusals:
            raise Refused(*refusals)
        self._collected.update(counted)
        self._reserved |= {draft_id} if draft_id is not None else set()

    async def reserve_animatic(self, guild_id: int, person_id: int, *, allowance: Allowance, now_ms: int) -> None:
        await asyncio.sleep(0)
        start_ms, end_ms = utc_day(now_ms)
        allowed = {
            ("animatics of person", person_id, start_ms): ("person", allowance.person_animatics),
            ("animatics of guild", guild_id, start_ms): ("guild", allowance.guild_animatics),
        }
        drawn = {key: self._collected.get(key, (0, 0))[0] + 1 for key in allowed}
        refusals = [
            Reason(f"free-{scope}-animatics", {"limit": limit, "resets_at": end_ms // 1000})
            for key, (scope, limit) in allowed.items()
            if drawn[key] > limit
        ]
        if refusals:
            raise Refused(*refusals)
        self._collected.update({key: (count, 0) for key, count in drawn.items()})

    # --- acceptance and order ----------------------------------------------------------------------------------------

    async def quotas(self, guild_id: int, person: Person, *, now_ms: int) -> Quotas:
        await asyncio.sleep(0)
        policy = self._holding(self._policy(guild_id))
        limits = limits_of(policy, person.roles)
        return Quotas(policy=policy, usage=self._usage(guild_id, person.id, policy, limits, now_ms))

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
        await asyncio.sleep(0)
        current = self._current(request)
        fixed = current.references if references is None else tuple(references)
        if current.state is RequestState.QUEUED:
            raise IllegalMove("request: accepted twice")
        check_request_move(current.state, RequestState.QUEUED)
        accepted = replace(
            current,
            version=current.version + 1,
            state=RequestState.QUEUED,
            prompt=prompt,
            findings=tuple(findings),
            model_id=model_id,
            accepted_at_ms=now_ms,
            references=fixed,
            person=replace(current.person, roles=current.person.roles if roles is None else tuple(roles)),
        )
        policy = self._holding(self._policy(current.place.guild_id))
        self._look(accepted, policy, asked, now_ms)
        self._line[current.id] = max(self._line.values(), default=0) + 1
        for ordinal in range(1, current.take_count + 1):
            name = take_id(current.id, ordinal)
            self._takes[name] = Take(
                id=name, request_id=current.id, ordinal=ordinal, version=1, state=TakeState.PLANNED
            )
        self._count(accepted, policy, asked, now_ms)
        return self._snapshot(self._put(accepted, current))

    async def claim_next(self, *, max_running: int, now_ms: int) -> str | None:
        await asyncio.sleep(0)
        picked = self._lanes.pick(max_running=max_running, now_ms=now_ms)
        if picked is None:
            return None
        head = self._requests[picked]
        claimed = replace(head, version=head.version + 1, state=RequestState.PREPARING, started_at_ms=now_ms)
        return self._put(claimed, head).id

    async def age_lanes(self, *, now_ms: int) -> None:
        await asyncio.sleep(0)
        self._lanes.age(now_ms=now_ms, batch=_AGED_AT_ONCE)

    async def line(self, guild_id: int) -> tuple[tuple[Request, Standing], ...]:
        await asyncio.sleep(0)
        return tuple((each, where) for each in self._turns(guild_id) if (where := self._standing(each)) is not None)

    async def waiting_in_guild(self, guild_id: int) -> tuple[str, ...]:
        await asyncio.sleep(0)
        return tuple(each.id for each in self._turns(guild_id))

    async def change_policy(self, guild_id: int, change: Callable[[Policy], Policy], *, by: int, now_ms: int) -> Policy:
        after = await super().change_policy(guild_id, change, by=by, now_ms=now_ms)
        policy = self._holding(after)
        self._lanes.set_limits(guild_id, limits_from(policy))
        for (guild, person), known in self._lanes.people.items():
            mine = [each for each in self._requests.values() if _is_accepted_of(each, guild_id, person)]
            if guild == guild_id and mine:
                roles = max(mine, key=lambda each: self._line[each.id]).person.roles
                known.weight, known.own_limit = weight_of(policy, roles), own_running(policy, roles)
        return after

    # --- money -------------------------------------------------------------------------------------------------------

    async def ledger(self, guild_id: int, *, since_ms: int, until_ms: int) -> tuple[LedgerLine, ...]:
        await asyncio.sleep(0)
        months = {row.take_id: row.windows.month_ms for row in self._money.rows}
        lines = [(months[line.take_id], line) for line in self._lines]
        lines += [(month_ms, line) for (_guild, month_ms), line in self._openings.items()]
        mine = [line for begins_ms, line in lines if line.guild_id == guild_id and since_ms <= begins_ms < until_ms]
        return tuple(sorted(mine, key=lambda line: line.id))

    async def adjust(self, take_id: str, cost_usd_micros: int, *, cause: str, now_ms: int) -> None:
        await asyncio.sleep(0)
        self._money.adjust(take_id, cost_usd_micros, cause)
        self._write_lines(now_ms)

    # --- moves -------------------------------------------------------------------------------------------------------

    async def move(self, request: Request, state: RequestState, **changes: object) -> Request:
        await asyncio.sleep(0)
        _check_names(changes, _REQUEST_FIELDS)
        current = self._current(request)
        check_request_move(current.state, state)
        if state is RequestState.QUEUED and current.state is not RequestState.QUEUED:
            raise IllegalMove("request: only accept queues")
        if state is RequestState.PREPARING and current.state is RequestState.QUEUED:
            raise IllegalMove("request: only a claim prepares")
        if "references" in changes and current.state is not RequestState.DRAFT:
            raise IllegalMove(f"request: references changed in {current.state}")
        return self._put(_changed(current, {**changes, "state": state, "version": current.version + 1}), current)

    async def record_made(self, request: Request, reference_id: str, made: Made) -> Request:
        await asyncio.sleep(0)
        current = self._current(request)
        if current.state is not RequestState.PREPARING:
            raise IllegalMove(f"request: a file made in {current.state}")
        if all(each.id != reference_id for each in current.references):
            raise KeyError(reference_id)
        references = tuple(replace(each, made=made) if each.id == reference_id else each for each in current.references)
        return self._put(replace(current, version=current.version + 1, references=references), current)

    async def move_take(self, take: Take, state: TakeState, **changes: object) -> Take:
        await asyncio.sleep(0)
        _check_names(changes, _TAKE_FIELDS)
        current = self._current_take(take)
        check_take_move(current.state, state)
        new = slimmed(_changed(current, {**changes, "state": state, "version": current.version + 1}))
        if self._twin_in_submitting(new):
            raise Unavailable(reason("needs-review"))
        if self._owned_elsewhere(new):
            raise Stale(reason("internal-error"), detail="generation owned by another take")
        return self._put_take(new, current)

    async def begin_submission(self, take: Take, prepared: PreparedBody, *, now_ms: int) -> Take | None:
        await asyncio.sleep(0)
        current = self._current_take(take)
        if current.state is not TakeState.PLANNED:
            raise IllegalMove(f"take: {current.state} -> submitting")
        request = self._requests[current.request_id]
        if request.state is not RequestState.WORKING or request.cancel_requested_by is not None:
            raise Stale(reason("internal-error"), detail=f"request {request.id} wants nothing more to be paid")
        refusals = self._barred(request, request.references)
        if refusals:
            raise Refused(*refusals)
        if self._has_twin(current.id, prepared.fingerprint, _LOOKED_FOR):
            return None
        new = replace(
            current,
            version=current.version + 1,
            state=TakeState.SUBMITTING,
            body=json.loads(json.dumps(prepared.body)),
            fingerprint=prepared.fingerprint,
            attempts=current.attempts + 1,
            looks=0,
            submitting_at_ms=now_ms,
        )
        return self._put_take(new, current)

    # --- the outbox --------------------------------------------------------------------------------------------------

    async def intend_post(self, request_id: str, slot: str, channel_id: int, *, now_ms: int) -> tuple[Post, bool]:
        await asyncio.sleep(0)
        if request_id not in self._requests:
            raise KeyError(request_id)
        known = self._posts.get((request_id, slot))
        if known is not None:
            return known, True
        post = Post(request_id=request_id, slot=slot, channel_id=channel_id, intended_at_ms=now_ms)
        self._posts[request_id, slot] = post
        return post, False

    async def record_post(self, request_id: str, slot: str, *, message_id: int | None, shown: str | None) -> None:
        await asyncio.sleep(0)
        self._posts[request_id, slot] = replace(self._posts[request_id, slot], message_id=message_id, shown=shown)

    # --- what wants work ---------------------------------------------------------------------------------------------

    async def open_requests(self) -> tuple[str, ...]:
        await asyncio.sleep(0)
        ordered = sorted(self._requests.values(), key=lambda each: (each.created_at_ms, each.id))
        return tuple(each.id for each in ordered if not each.state.final or self._has_afterthought(each))

    async def watched_takes(self) -> tuple[Take, ...]:
        await asyncio.sleep(0)
        parked = [
            each
            for each in self._takes.values()
            if each.state is TakeState.RENDERING and each.generation_id is not None
        ]
        return tuple(sorted(parked, key=lambda each: each.id))

    async def unsettled(self, limit: int) -> tuple[Take, ...]:
        await asyncio.sleep(0)
        held = [self._takes[row.take_id] for row in self._money.rows if row.cost is None and row.take_id in self._takes]
        ended = [each for each in held if each.state.final and each.generation_id and each.cost_usd_micros is None]
        return tuple(sorted(ended[:limit], key=lambda each: each.id))

    async def claimed_generations(self) -> frozenset[str]:
        await asyncio.sleep(0)
        return frozenset(each.generation_id for each in self._takes.values() if each.generation_id is not None)

    async def contents_in_use(self, *, since_ms: int) -> frozenset[str]:
        await asyncio.sleep(0)
        wanted = [each for each in self._requests.values() if _wants_bytes(each, since_ms)]
        undelivered = [each for each in self._requests.values() if each.state is RequestState.KEPT]
        takes = [take for each in [*wanted, *undelivered] for take in self._takes_of(each)]
        clips = {key for take in takes for key in (take.clip, take.shrunk_clip) if key is not None}
        trays = [one for tray in self._trays.values() if tray.expires_at_ms > since_ms for one in tray.references]
        pointed_to = [
            reference
            for each in wanted
            for reference in each.references
            if not self._is_withdrawn(reference) or any(take.state in _AT_WORK for take in self._takes_of(each))
        ]
        in_trays = [reference for reference in trays if not self._is_withdrawn(reference)]
        made = {reference.made.content for reference in pointed_to if reference.made is not None}
        return frozenset(clips | made).union(reference.content for reference in [*pointed_to, *in_trays])

    async def tidy(self, *, now_ms: int) -> None:
        await asyncio.sleep(0)
        self._trays = {key: tray for key, tray in self._trays.items() if tray.expires_at_ms > now_ms}
        since_ms = now_ms - _ALLOWANCES_KEPT_MS
        self._collected = {key: counted for key, counted in self._collected.items() if key[2] >= since_ms}
        self._sum_up(now_ms - _KEPT_MS, now_ms)
        self._forget_requests(now_ms - _KEPT_MS)

    # --- trays -------------------------------------------------------------------------------------------------------

    async def tray(self, channel_id: int, person_id: int, *, now_ms: int) -> TrayView:
        await asyncio.sleep(0)
        return self._tray_view(channel_id, person_id, now_ms)

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
        await asyncio.sleep(0)
        before = self._tray_view(place.channel_id, person_id, now_ms).references
        after = numbered(change(before))
        if len(after) > len(before):
            self._refuse_full(place, person_id, len(before), len(after), limits, now_ms)
        there = {each.content for each in before}
        taken_back = [
            reason("files-withdrawn", name=display_name(each.name))
            for each in after
            if each.content not in there and self._is_withdrawn(each)
        ]
        if taken_back:
            raise Refused(*taken_back)
        kept = tuple(replace(each, target=None, made=None) for each in after)
        self._put_tray((place.channel_id, person_id), place.guild_id, kept, expires_at_ms)
        return self._tray_view(place.channel_id, person_id, now_ms)

    # --- consent -----------------------------------------------------------------------------------------------------

    async def consents(self, guild_id: int, *, owners: Collection[int], messages: Collection[int]) -> Consents:
        await asyncio.sleep(0)
        return self._consents(guild_id, owners, messages)

    async def choice(self, person_id: int, guild_id: int) -> Choice:
        await asyncio.sleep(0)
        return self._choices.get((person_id, guild_id), Choice())

    async def choose(self, person_id: int, guild_id: int, choice: Choice, *, now_ms: int) -> tuple[str, ...]:
        await asyncio.sleep(0)
        self._choices[person_id, guild_id] = _said_over(self._choices.get((person_id, guild_id), Choice()), choice)
        return self._unbegun(
            lambda request: (
                guild_id in {EVERYWHERE, request.place.guild_id}
                and self._stops(request, lambda origin: origin.owner_id == person_id)
            )
        )

    async def withdraw(self, message_id: int, owner_id: int, *, now_ms: int) -> tuple[str, ...]:
        await asyncio.sleep(0)
        self._withdrawn.setdefault(message_id, owner_id)
        return self._unbegun(lambda request: self._stops(request, lambda origin: message_id in origin.messages))

    # --- guild choices -----------------------------------------------------------------------------------------------

    async def guild_choices(self, guild_id: int) -> GuildChoices:
        await asyncio.sleep(0)
        return self._guild_choices.get(guild_id, GuildChoices())

    async def set_guild_choices(self, guild_id: int, choices: GuildChoices, *, by: int, now_ms: int) -> GuildChoices:
        await asyncio.sleep(0)
        known = self._guild_choices.get(guild_id, GuildChoices())
        if choices != GuildChoices():
            self.guild_choice_changes.append((guild_id, by, now_ms, choices))
            self._guild_choices[guild_id] = _said_over(known, choices)
        return self._guild_choices.get(guild_id, known)

    # --- leases and facts --------------------------------------------------------------------------------------------

    async def take_lease(self, name: str, holder: str, *, ttl_ms: int, now_ms: int) -> bool:
        await asyncio.sleep(0)
        known = self._leases.get(name)
        if known is not None and known[0] != holder and known[1] > now_ms:
            return False
        self._leases[name] = (holder, now_ms + ttl_ms)
        return True

    async def recall(self, key: str) -> str | None:
        await asyncio.sleep(0)
        return self._facts.get(key)

    async def remember(self, key: str, value: str) -> None:
        await asyncio.sleep(0)
        self._facts[key] = value

    # --- inside ------------------------------------------------------------------------------------------------------

    def _current(self, request: Request) -> Request:
        current = self._requests.get(request.id)
        if current is None or current.version != request.version:
            raise Stale(reason("internal-error"), detail=f"request {request.id} is not at version {request.version}")
        return current

    def _current_take(self, take: Take) -> Take:
        current = self._takes.get(take.id)
        if current is None or current.version != take.version:
            raise Stale(reason("internal-error"), detail=f"take {take.id} is not at version {take.version}")
        return current

    def _put(self, new: Request, before: Request) -> Request:
        self._requests[new.id] = new
        if new.state is not before.state:
            if new.state.final and before.accepted_at_ms is not None:
                self._end(new)
            self._reached(f"request.{new.state}")
        return new

    def _put_take(self, new: Take, before: Take) -> Take:
        self._takes[new.id] = new
        self._money.settle(before, new)
        self._write_lines(self._clock())
        if new.state is not before.state:
            self._keep_place(self._requests[new.request_id])
            self._reached(f"take.{new.state}")
        return new

    def _look(self, queued: Request, policy: Policy, asked: Asked, now_ms: int) -> None:
        """Raises `Refused` with every reason why that may not be accepted now."""
        place, person = queued.place, queued.person
        limits = limits_of(policy, person.roles)
        refusals = (
            *self._barred(queued, queued.references),
            *self._rule(
                policy,
                limits,
                self._usage(place.guild_id, person.id, policy, limits, now_ms, besides=queued.id),
                asked,
                roles=person.roles,
                channel_id=place.channel_id if place.parent_id is None else place.parent_id,
            ),
        )
        if refusals:
            raise Refused(*refusals)

    def _sum_up(self, before_ms: int, now_ms: int) -> None:
        known = len(self._money.forgotten)
        self._money.sum_up(before_ms)
        told = {row.take_id for row in self._money.rows}
        self._lines = [line for line in self._lines if line.take_id in told]
        for guild, month_ms in sorted({(row.guild_id, row.windows.month_ms) for row in self._money.forgotten[known:]}):
            gone = (row for row in self._money.forgotten if (row.guild_id, row.windows.month_ms) == (guild, month_ms))
            self._openings[guild, month_ms] = LedgerLine(
                id=self._next_line(),
                at_ms=now_ms,
                guild_id=guild,
                person_id=0,
                request_id="",
                take_id="",
                entry=Entry.OPENING,
                usd_micros=sum(row.spent for row in gone),
                cause=Cause.SUMMED,
            )

    def _next_line(self) -> int:
        self._last_line += 1
        return self._last_line

    def _forget_requests(self, before_ms: int) -> None:
        open_still = {row.request_id for row in self._money.rows}
        over = [
            each.id
            for each in self._requests.values()
            if each.state.final and each.state is not RequestState.KEPT and each.id not in open_still
            if each.finished_at_ms is not None and each.finished_at_ms < before_ms
        ]
        for request_id in over:
            for take in self._takes_of(self._requests.pop(request_id)):
                del self._takes[take.id]
            self._posts = {key: post for key, post in self._posts.items() if key[0] != request_id}
            self._line.pop(request_id, None)
            self._counts.rows[:] = [row for row in self._counts.rows if row.id != request_id]

    def _count(self, queued: Request, policy: Policy, asked: Asked, now_ms: int) -> None:
        guild, person = queued.place.guild_id, queued.person
        windows = self._windows(policy.time_zone or "UTC", now_ms)
        self._counts.rows.append(Accepted(id=queued.id, guild_id=guild, person_id=person.id, at_ms=now_ms, asked=asked))
        spans = ledger.Windows(month_ms=windows[Span.MONTH].starts_ms, day_ms=windows[Span.DAY].starts_ms)
        self._money.hold(queued, asked, spans)
        self._write_lines(now_ms)
        turn = Turn(
            cost=max(1, asked.seconds),
            weight=weight_of(policy, person.roles),
            priority=priority_of(policy, person.roles),
        )
        self._lanes.enter(
            queued.id,
            self._line[queued.id],
            guild,
            person.id,
            turn,
            limits_from(policy),
            person_running=own_running(policy, person.roles),
            now_ms=now_ms,
        )

    def _end(self, ended: Request) -> None:
        back = self._given_back(ended)
        if ended.id in self._lanes.places:
            self._lanes.leave(ended.id)
        if ended.id in self._lanes.places:
            self._lanes.end(ended.id, given_back=back)
        if back:
            rows = self._counts.rows
            rows[:] = [replace(row, counts=row.counts and row.id != ended.id) for row in rows]
        self._money.give_back(self._takes_of(ended))
        self._write_lines(self._clock())

    def _keep_place(self, request: Request) -> None:
        if request.id not in self._lanes.places:
            return
        states = {take.state for take in self._takes_of(request)}
        if TakeState.NEEDS_REVIEW in states and not states & _GOING_ON:
            self._lanes.park(request.id)
        else:
            self._lanes.unpark(request.id)

    def _write_lines(self, now_ms: int) -> None:
        """Writes down what the money says now and did not say before."""
        for row in self._money.rows:
            known = sum(line.take_id == row.take_id for line in self._lines)
            for _take, entry, usd_micros, cause in [*row.lines()][known:]:
                line = LedgerLine(
                    id=self._next_line(),
                    at_ms=now_ms,
                    guild_id=row.guild_id,
                    person_id=row.person_id,
                    request_id=row.request_id,
                    take_id=row.take_id,
                    entry=Entry(entry),
                    usd_micros=usd_micros,
                    cause=str(cause),
                )
                self._lines.append(line)

    def _turns(self, guild_id: int) -> list[Request]:
        ready = {place.id for place in self._lanes.of("ready", guild_id)}
        order = self._lanes.play_out(guild_id) if ready else []
        return [self._requests[place.id] for place in order if place.id in ready][:_LINE_SHOWN]

    def _standing(self, request: Request) -> Standing | None:
        """The lanes' own, with people's names."""
        standing = self._lanes.standing(request.id)
        if standing is None:
            return None
        ahead = tuple(replace(each, person_name=self._name(request, each.person_id)) for each in standing.ahead)
        return replace(standing, ahead=ahead)

    def _name(self, request: Request, person_id: int) -> str:
        first = self._lanes.of("ready", request.place.guild_id, person_id)[0]
        return self._requests[first.id].person.name

    def _takes_of(self, request: Request) -> list[Take]:
        mine = [each for each in self._takes.values() if each.request_id == request.id]
        return sorted(mine, key=lambda each: each.ordinal)

    def _snapshot(self, request: Request) -> Snapshot:
        posts = [each for each in self._posts.values() if each.request_id == request.id]
        return Snapshot(
            request=request,
            takes=tuple(self._takes_of(request)),
            posts=tuple(sorted(posts, key=lambda each: (each.intended_at_ms, each.slot))),
            standing=self._standing(request) if request.state is RequestState.QUEUED else None,
            bill=bill_of(line for line in self._lines if line.request_id == request.id),
        )

    def _drafts_in(self, guild_id: int) -> int:
        return sum(
            each.state is RequestState.DRAFT and each.place.guild_id == guild_id for each in self._requests.values()
        )

    def _tray_view(self, channel_id: int, person_id: int, now_ms: int) -> TrayView:
        tray = self._trays.get((channel_id, person_id))
        if tray is None or tray.expires_at_ms <= now_ms:
            return TrayView(references=())
        return TrayView(references=tray.references, expires_at_ms=tray.expires_at_ms)

    def _put_tray(
        self, key: tuple[int, int], guild_id: int, references: tuple[Reference, ...], expires_at_ms: int
    ) -> None:
        self._trays.pop(key, None)
        if references:
            self._trays[key] = Tray(guild_id=guild_id, references=references, expires_at_ms=expires_at_ms)

    def _refuse_full(
        self, place: Place, person_id: int, before: int, after: int, limits: TrayLimits, now_ms: int
    ) -> None:
        held = {
            owner: len(tray.references)
            for owner, tray in self._trays.items()
            if tray.guild_id == place.guild_id and tray.expires_at_ms > now_ms
        }
        mine = sum(count for (_, owner_id), count in held.items() if owner_id == person_id)
        more = after - before
        if after > limits.tray_files:
            raise Refused(reason("tray-full", count=after, limit=limits.tray_files))
        if mine + more > limits.person_files:
            raise Refused(reason("trays-full", count=mine, limit=limits.person_files))
        if sum(held.values()) + more > limits.guild_files:
            raise Refused(reason("guild-trays-full", limit=limits.guild_files))

    def _consents(self, guild_id: int, owners: Collection[int], messages: Collection[int]) -> Consents:
        said = {
            owner: [self._choices.get((owner, place), Choice()) for place in (guild_id, EVERYWHERE)] for owner in owners
        }
        return Consents(
            files_forbidden=frozenset(owner for owner, choices in said.items() if not files_allowed(choices)),
            avatar_allowed=frozenset(owner for owner, choices in said.items() if avatar_allowed(choices)),
            withdrawn=frozenset(messages) & self._withdrawn.keys(),
        )

    def _barred(self, request: Request, references: Sequence[Reference]) -> list[Reason]:
        consents = self._consents(request.place.guild_id, *concerned(references))
        found = [stopping(each, person_id=request.person.id, consents=consents) for each in references]
        return [each for each in found if each is not None]

    def _stops(self, request: Request, is_theirs: Callable[[Origin], bool]) -> bool:
        theirs = [each for each in request.references if any(is_theirs(origin) for origin in each.origins)]
        return bool(self._barred(request, theirs))

    def _unbegun(self, affected: Callable[[Request], bool]) -> tuple[str, ...]:
        ordered = sorted(self._requests.values(), key=lambda each: (each.created_at_ms, each.id))
        return tuple(
            each.id
            for each in ordered
            if not each.state.final
            and any(take.state is TakeState.PLANNED for take in self._takes_of(each))
            and affected(each)
        )

    def _is_withdrawn(self, reference: Reference) -> bool:
        return all(any(message in self._withdrawn for message in origin.messages) for origin in reference.origins)

    def _person_waiting(self, guild_id: int, person_id: int, *, besides: str = "") -> tuple[int, int]:
        waiting = [
            each
            for each in self._requests.values()
            if each.state in _PENDING and each.place.guild_id == guild_id and each.person.id == person_id
            if each.id != besides
        ]
        drafts = [each for each in waiting if each.state is RequestState.DRAFT and each.expires_at_ms is not None]
        return len(waiting), len(drafts)

    def _usage(
        self, guild_id: int, person_id: int, policy: Policy, limits: Limits, now_ms: int, *, besides: str = ""
    ) -> Usage:
        windows = self._windows(policy.time_zone or "UTC", now_ms)
        waiting, drafts = self._person_waiting(guild_id, person_id, besides=besides)
        month = self._account(guild_id, None, windows[Span.MONTH].starts_ms)
        day = self._account(guild_id, person_id, windows[Span.DAY].starts_ms)
        rows = self._counts.rows
        rows[:] = [replace(row, state=self._requests[row.id].state) for row in rows]
        return replace(
            self._counts.usage(guild_id, person_id, windows, now_ms),
            person_running=len(self._lanes.of("running", guild_id, person_id)),
            guild_running=len(self._lanes.of("running", guild_id)),
            person_waiting=waiting,
            person_drafts=drafts,
            month=_with_limit(month, policy.guild.budget_usd_micros),
            day=_with_limit(day, limits.budget_usd_micros),
            block=self._blocked(guild_id, person_id, now_ms),
        )

    def _account(self, guild_id: int, person_id: int | None, starts_ms: int) -> Account:
        """Of the guild's month, or the person's day; what began at about that time in another time zone counts too."""
        scope, within_ms = ("guild", OTHER_MONTH_MS) if person_id is None else ("person", OTHER_DAY_MS)
        mine = [
            sums
            for key, sums in self._money.accounts().items()
            if key[:3] == (scope, guild_id, person_id or 0) and abs(key[3] - starts_ms) <= within_ms
        ]
        return Account(held_usd_micros=sum(held for held, _ in mine), spent_usd_micros=sum(spent for _, spent in mine))

    def _blocked(self, guild_id: int, person_id: int, now_ms: int) -> Block | None:
        held = (self._held(each, person_id, now_ms) for each in (guild_id, ANYWHERE))
        return last_to_end([block for block in held if block is not None])

    def _given_back(self, request: Request) -> bool:
        return request.state in _ENDED_WITHOUT_CLIP and not any(
            take.generation_id is not None
            or take.state in {TakeState.SUBMITTING, TakeState.NEEDS_REVIEW}
            or (take.cost_usd_micros or 0) > 0
            or (take.state in {TakeState.FAILED, TakeState.CANCELLED} and take.cost_usd_micros is None)
            for take in self._takes_of(request)
        )

    def _twin_in_submitting(self, new: Take) -> bool:
        return new.state is TakeState.SUBMITTING and self._has_twin(new.id, new.fingerprint, {TakeState.SUBMITTING})

    def _has_twin(self, take: str, fingerprint: str | None, states: Collection[TakeState]) -> bool:
        return fingerprint is not None and any(
            each.id != take and each.state in states and each.fingerprint == fingerprint
            for each in self._takes.values()
        )

    def _owned_elsewhere(self, new: Take) -> bool:
        return new.generation_id is not None and any(
            each.id != new.id and each.generation_id == new.generation_id for each in self._takes.values()
        )

    def _has_afterthought(self, request: Request) -> bool:
        newest_ms = max(max(each.created_at_ms, each.finished_at_ms or 0) for each in self._requests.values())
        if request.finished_at_ms is None or request.finished_at_ms < newest_ms - _AFTERTHOUGHT_MS:
            return False
        if any(_still_published(take) for take in self._takes_of(request)):
            return True
        if request.accepted_at_ms is None:
            return self._owes_a_call(request) and self._unannounced(request)
        return self._card_lags(request) or self._unannounced(request)

    def _owes_a_call(self, request: Request) -> bool:
        callback = self._posts.get((request.id, "callback"))
        return callback is not None and callback.message_id is None and callback.shown is None

    def _card_lags(self, request: Request) -> bool:
        card = self._posts.get((request.id, "card"))
        return (
            request.state in _SHOWN_WHEN_FINAL
            and card is not None
            and card.message_id is not None
            and card.shown != request.state
        )

    def _unannounced(self, request: Request) -> bool:
        notice = self._posts.get((request.id, "notice"))
        recorded = notice is not None and (notice.message_id is not None or notice.shown is not None)
        return request.state is RequestState.FAILED and not recorded


def _with_limit(account: Account, limit: int | None) -> Account:
    return replace(account, limit_usd_micros=limit)


def _is_accepted_of(request: Request, guild_id: int, person_id: int) -> bool:
    mine = request.place.guild_id == guild_id and request.person.id == person_id
    return mine and request.accepted_at_ms is not None


def _still_published(take: Take) -> bool:
    at_rest = take.state.final or take.state is TakeState.PLANNED
    return at_rest and bool(take.publications) and not take.withdrawn


def _wants_bytes(request: Request, since_ms: int) -> bool:
    if not request.state.final:
        return True
    ended_ms = request.finished_at_ms
    return request.accepted_at_ms is not None and ended_ms is not None and ended_ms >= since_ms


def _check_names(changes: Mapping[str, object], known: frozenset[str]) -> None:
    unknown = sorted(set(changes) - known)
    if unknown:
        raise TypeError(f"not fields to change: {', '.join(unknown)}")


def _changed(value: _Row, changes: Mapping[str, Any]) -> _Row:
    return replace(value, **changes)


def _said_over(before: _Row, after: _Row) -> _Row:
    """What is `None` in `after` stays as it was."""
    said = {field.name: getattr(after, field.name) for field in fields(after)}
    return replace(before, **{name: value for name, value in said.items() if value is not None})
