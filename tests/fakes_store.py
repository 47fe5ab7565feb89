"""The store in memory: requests, trays, consent, guild choices. The contract suites prove that it keeps its word."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

from bot.admission.rules import quota_refusal
from bot.domain.admission import GuildPolicy, Usage, waiting_refusal
from bot.domain.conform import Made
from bot.domain.consent import EVERYWHERE, Choice, Consents, avatar_allowed, concerned, files_allowed, stopping
from bot.domain.drafts import Allowance, GuildChoices, TrayLimits, TrayView
from bot.domain.errors import Refused, Stale, Unavailable
from bot.domain.generations import PreparedBody
from bot.domain.identity import take_id
from bot.domain.ports import FaultPoint, no_fault
from bot.domain.prompts import Finding, Prompt
from bot.domain.reasons import Reason, reason
from bot.domain.references import Origin, Reference, display_name, numbered
from bot.domain.requests import Place, Post, Request, Snapshot, Take, Wish
from bot.domain.states import (
    IllegalMove,
    RequestState,
    TakeState,
    check_request_move,
    check_take_move,
)
from bot.domain.words import byte_size
from bot.queue.days import utc_day
from bot.queue.leaving import slimmed

_Row = TypeVar("_Row", Request, Take, Choice, GuildChoices)
QuotaRule = Callable[[GuildPolicy, Usage, int], Reason | None]

_LINE_SHOWN: Final = 25
_AFTERTHOUGHT_MS: Final = 7 * 86_400_000
_ALLOWANCES_KEPT_MS: Final = 2 * 86_400_000
_RUNNING: Final = frozenset({RequestState.PREPARING, RequestState.WORKING, RequestState.DELIVERING})
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


class MemoryRequestStore:
    """All four ports of the store over dicts. Every method lets others run once, then does its work in one go."""

    def __init__(
        self,
        *,
        quota_rule: QuotaRule = quota_refusal,
        reached: FaultPoint = no_fault,
        max_open_drafts_per_person: int | None = None,
        max_open_drafts_per_guild: int | None = None,
    ) -> None:
        """`quota_rule` binds in `accept`; `reached` is called with `request.<state>` / `take.<state>` after each."""
        self._quota_rule = quota_rule
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

    async def usage(self, guild_id: int, person_id: int, *, now_ms: int) -> Usage:
        await asyncio.sleep(0)
        return self._usage(guild_id, person_id, now_ms)

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
        await asyncio.sleep(0)
        current = self._current(request)
        fixed = current.references if references is None else tuple(references)
        if current.state is RequestState.QUEUED:
            raise IllegalMove("request: accepted twice")
        check_request_move(current.state, RequestState.QUEUED)
        usage = self._usage(current.place.guild_id, current.person.id, now_ms, besides=current.id)
        refusal = self._quota_rule(policy, usage, current.take_count)
        refusals = [*self._barred(current, fixed), *([] if refusal is None else [refusal])]
        if refusals:
            raise Refused(*refusals)
        self._line[current.id] = max(self._line.values(), default=0) + 1
        for ordinal in range(1, current.take_count + 1):
            name = take_id(current.id, ordinal)
            self._takes[name] = Take(
                id=name, request_id=current.id, ordinal=ordinal, version=1, state=TakeState.PLANNED
            )
        accepted = replace(
            current,
            version=current.version + 1,
            state=RequestState.QUEUED,
            prompt=prompt,
            findings=tuple(findings),
            model_id=model_id,
            accepted_at_ms=now_ms,
            references=fixed,
        )
        return self._snapshot(self._put(accepted, current))

    async def claim_next(self, policy: Callable[[int], GuildPolicy], *, max_running: int, now_ms: int) -> str | None:
        await asyncio.sleep(0)
        running = Counter(each.place.guild_id for each in self._requests.values() if self._is_running(each))
        if running.total() >= max_running:
            return None
        heads: dict[int, Request] = {}
        for waiting in self._waiting():
            heads.setdefault(waiting.place.guild_id, waiting)
        ready = [head for guild, head in heads.items() if running[guild] < policy(guild).max_running_requests]
        if not ready:
            return None
        head = min(ready, key=lambda each: (running[each.place.guild_id], self._line[each.id]))
        claimed = replace(head, version=head.version + 1, state=RequestState.PREPARING, started_at_ms=now_ms)
        return self._put(claimed, head).id

    async def waiting_in_guild(self, guild_id: int) -> tuple[str, ...]:
        await asyncio.sleep(0)
        return tuple(each.id for each in self._waiting() if each.place.guild_id == guild_id)[:_LINE_SHOWN]

    # --- moves -------------------------------------------------------------------------------------------------------

    async def move(self, request: Request, state: RequestState, **changes: object) -> Request:
        await asyncio.sleep(0)
        _check_names(changes, _REQUEST_FIELDS)
        current = self._current(request)
        check_request_move(current.state, state)
        if state is RequestState.QUEUED and current.state is not RequestState.QUEUED:
            raise IllegalMove("request: only accept queues")
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
            self._reached(f"request.{new.state}")
        return new

    def _put_take(self, new: Take, before: Take) -> Take:
        self._takes[new.id] = new
        if new.state is not before.state:
            self._reached(f"take.{new.state}")
        return new

    def _waiting(self) -> list[Request]:
        waiting = [each for each in self._requests.values() if each.state is RequestState.QUEUED]
        return sorted(waiting, key=lambda each: self._line[each.id])

    def _takes_of(self, request: Request) -> list[Take]:
        mine = [each for each in self._takes.values() if each.request_id == request.id]
        return sorted(mine, key=lambda each: each.ordinal)

    def _snapshot(self, request: Request) -> Snapshot:
        posts = [each for each in self._posts.values() if each.request_id == request.id]
        line = [each.id for each in self._waiting() if each.place.guild_id == request.place.guild_id]
        return Snapshot(
            request=request,
            takes=tuple(self._takes_of(request)),
            posts=tuple(sorted(posts, key=lambda each: (each.intended_at_ms, each.slot))),
            place_in_line=line.index(request.id) + 1 if request.id in line else None,
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

    def _is_running(self, request: Request) -> bool:
        states = {take.state for take in self._takes_of(request)}
        awaits_review = TakeState.NEEDS_REVIEW in states and not states & _GOING_ON
        return request.state in _RUNNING and not awaits_review

    def _person_waiting(self, guild_id: int, person_id: int, *, besides: str = "") -> tuple[int, int]:
        waiting = [
            each
            for each in self._requests.values()
            if each.state in _PENDING and each.place.guild_id == guild_id and each.person.id == person_id
            if each.id != besides
        ]
        drafts = [each for each in waiting if each.state is RequestState.DRAFT and each.expires_at_ms is not None]
        return len(waiting), len(drafts)

    def _usage(self, guild_id: int, person_id: int, now_ms: int, *, besides: str = "") -> Usage:
        start_ms, end_ms = utc_day(now_ms)
        counted = [
            each
            for each in self._requests.values()
            if each.place.guild_id == guild_id
            and each.accepted_at_ms is not None
            and start_ms <= each.accepted_at_ms < end_ms
            and not self._given_back(each)
        ]
        mine = [each for each in counted if each.person.id == person_id]
        waiting, drafts = self._person_waiting(guild_id, person_id, besides=besides)
        return Usage(
            person_takes_today=sum(each.take_count for each in mine),
            guild_takes_today=sum(each.take_count for each in counted),
            person_waiting=waiting,
            person_drafts=drafts,
            day_ends_at_ms=end_ms,
        )

    def _given_back(self, request: Request) -> bool:
        return request.state in _ENDED_WITHOUT_CLIP and not any(
            take.generation_id is not None
            or take.state in {TakeState.SUBMITTING, TakeState.NEEDS_REVIEW}
            or (take.cost_usd_micros or 0) > 0
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
