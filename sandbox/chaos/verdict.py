"""Judges the evidence. Pure: every promise is a function that names whatever breaks it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sandbox.chaos.evidence import Evidence, Made, Taken, Wanted

_FINAL: Final = frozenset({"delivered", "kept", "expired", "denied", "cancelled", "failed"})
_TAKE_FINAL: Final = frozenset({"fetched", "failed", "cancelled"})
_OWED_A_WORD: Final = frozenset({"failed", "kept"})


Complaints = Iterator[tuple[str, str]]
"""Subject and what was found."""


class Broken(StrEnum):
    """Which promise."""

    LOST = "lost"
    DOUBLED = "doubled"
    UNBALANCED = "unbalanced"
    LEAKED = "leaked"
    UNTOLD = "untold"
    FELL = "fell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A broken promise: which, for whom, and what was found."""

    broken: Broken
    subject: str
    what: str


def findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Everything that is wrong."""
    checks: Mapping[Broken, Callable[[Evidence], Complaints]] = {
        Broken.LOST: _lost,
        Broken.DOUBLED: _doubled,
        Broken.UNBALANCED: _unbalanced,
        Broken.LEAKED: _leaked,
        Broken.UNTOLD: _untold,
        Broken.FELL: _fallen,
    }
    return tuple(
        Finding(broken=broken, subject=subject, what=what)
        for broken, check in checks.items()
        for subject, what in check(evidence)
    )


def _lost(seen: Evidence) -> Complaints:
    accepted = {one.interaction_id for one in seen.wanted if one.accepted}
    for interaction_id in sorted(seen.told_accepted - accepted):
        yield f"interaction {interaction_id}", "its person read that it is in line, and no row is accepted"
    for request in seen.wanted:
        if request.state not in _FINAL:
            yield request.id, f"is still {request.state}"
    yield from _lost_takes(seen)
    yield from _lost_clips(seen)


def _lost_takes(seen: Evidence) -> Complaints:
    owned = {take.generation_id: take for take in seen.taken}
    counts = Counter(take.request_id for take in seen.taken)
    for request in seen.wanted:
        if counts[request.id] != (request.take_count if request.accepted else 0):
            yield request.id, f"has {counts[request.id]} takes of {request.take_count}"
    for take in seen.taken:
        if take.state not in _TAKE_FINAL:
            yield take.id, f"is still {take.state}"
    for made in seen.made:
        take = owned.get(made.id)
        if take is None:
            yield made.tag, f"generation {made.id} ({made.status}) belongs to no take"
        elif made.status == "succeeded" and take.state != "fetched":
            yield take.id, f"was rendered, and is {take.state}"


def _lost_clips(seen: Evidence) -> Complaints:
    """What was fetched is posted, or kept where its request says so, and is what the vendor made."""
    states = {request.id: request.state for request in seen.wanted}
    shown = {(post.request_id, clip) for post in seen.posted for clip in post.clips}
    made = {one.id: one.clip for one in seen.made}
    for take in seen.taken:
        if take.state != "fetched" or take.clip is None:
            continue
        if take.clip != made.get(take.generation_id or ""):
            yield take.id, "its clip is not what the vendor made of it"
        state = states.get(take.request_id)
        if state != "kept" and (take.request_id, take.clip) not in shown:
            yield take.id, f"its clip is not posted, and its request is {state}"
        if take.clip not in seen.contents:
            yield take.id, "its clip is not among the contents any more"


def _doubled(seen: Evidence) -> Complaints:
    yield from _doubled_generations(seen.made, seen.wanted, seen.taken)
    yield from _repeated("request of the wish", (one.tag for one in seen.wanted))
    yield from _repeated("message in the slot", (f"{one.request_id} {one.slot}" for one in seen.posted))
    yield from _repeated("post of the clip", (clip for one in seen.posted for clip in one.clips))
    for nonce, count in seen.nonces.items():
        if count > 1:
            yield nonce, f"{count} messages have this nonce"


def _doubled_generations(made: Sequence[Made], wanted: Sequence[Wanted], taken: Sequence[Taken]) -> Complaints:
    """By the files that were staged for one take alone; and by the prompt, for those without files."""
    yield from _repeated("generation of the take", (take for one in made for take in one.take_ids))
    for one in made:
        if len(one.take_ids) > 1:
            yield one.id, f"was sent the files of {', '.join(sorted(one.take_ids))}"
    asked: defaultdict[str, int] = defaultdict(int)
    for request in wanted:
        asked[request.tag] += request.take_count
    for tag, count in Counter(one.tag for one in made).items():
        if count > asked[tag]:
            yield tag, f"{count} generations for {asked[tag]} takes"
    yield from _repeated("take of the generation", (one.generation_id for one in taken if one.generation_id))


def _repeated(what: str, each: Iterable[str]) -> Complaints:
    for subject, count in Counter(each).items():
        if count > 1:
            yield subject, f"{count} times: {what}"


def _unbalanced(seen: Evidence) -> Complaints:
    """Every take's cost is the vendor's, one that was never ordered costs nothing, and nothing else was charged."""
    charged = {one.id: one.cost_usd_micros for one in seen.made}
    for take in seen.taken:
        due = 0 if take.generation_id is None else charged.get(take.generation_id)
        if take.cost_usd_micros != due:
            yield take.id, f"costs {_usd(take.cost_usd_micros)}, and the vendor says {_usd(due)}"
    spent, booked = sum(_known(charged.values())), sum(_known(take.cost_usd_micros for take in seen.taken))
    if spent != booked:
        yield "all takes", f"cost {_usd(booked)}, and the vendor charged {_usd(spent)}"
    if seen.ledger_complaint:
        yield "ledger", seen.ledger_complaint


def _leaked(seen: Evidence) -> Complaints:
    for key in sorted(seen.contents - seen.named):
        yield key, "lies in the store, and no row names it"
    for key in sorted(seen.named - seen.contents):
        yield key, "is named by a row, and does not lie in the store"
    for path in seen.strays:
        yield path, "lies about"
    if seen.staging_left:
        yield "staging channel", f"{seen.staging_left} messages are left"


def _untold(seen: Evidence) -> Complaints:
    """Failed and kept requests have a notice, unless the person read why in the answer; cards offer no dead button."""
    slots = {(post.request_id, post.slot) for post in seen.posted}
    states = {request.id: request.state for request in seen.wanted}
    for request in seen.wanted:
        answered = not request.accepted and bool(seen.said.get(request.interaction_id))
        if request.state in _OWED_A_WORD and (request.id, "notice") not in slots and not answered:
            yield request.id, f"is {request.state}, and nobody was told"
        if request.accepted and (request.id, "card") not in slots:
            yield request.id, "has no card"
    for post in seen.posted:
        if post.offers_cancel and states.get(post.request_id) in _FINAL:
            yield post.request_id, "is over, and its card offers to cancel it"


def _fallen(seen: Evidence) -> Complaints:
    yield from (("bot", what) for what in seen.fell)


def _known(costs: Iterable[int | None]) -> list[int]:
    return [cost for cost in costs if cost is not None]


def _usd(micros: int | None) -> str:
    return "an unknown amount" if micros is None else f"${micros / 1_000_000:.2f}"


def told_failures(seen: Evidence) -> int:
    """Failed requests whose person knows."""
    failed = {request.id for request in seen.wanted if request.state == "failed"}
    untold = {subject for subject, what in _untold(seen) if "nobody was told" in what}
    return len(failed - untold)


def tallied(found: Sequence[Finding]) -> Mapping[Broken, int]:
    """How many subjects each promise is broken for."""
    subjects = {(one.broken, one.subject) for one in found}
    return {broken: sum(one is broken for one, _ in subjects) for broken in Broken}
