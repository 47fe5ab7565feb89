"""What will happen: who asks for what, and where each life of the bot ends. From the seed alone."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Final, Literal

PEOPLE: Final = 12

POINTS: Final = (
    "request.draft",
    "posted:callback",
    "request.queued",
    "posted:card",
    "request.preparing",
    "conformed",
    "recorded-made",
    "request.working",
    "staged",
    "take.submitting",
    "take.planned",
    "paid",
    "take.rendering",
    "take.cancelled",
    "take.failed",
    "take.fetching",
    "kept-clip",
    "take.fetched",
    "request.cancelled",
    "request.failed",
    "request.delivering",
    "posted:result-1",
    "delivered",
    "request.delivered",
    "request.kept",
    "posted:notice",
)
"""Fault points of the bot in the order in which a request may pass them: on its way, and where something went wrong."""

_FIRST_POINTS: Final = frozenset(POINTS[:12])
"""Only a request that is new in this life gets there for certain."""
_POINT_LIVES: Final = 0.6
_POINT_PATIENCE: Final = 5.0
_AS_IT_STARTS: Final = 0.3


class Sort(StrEnum):
    """How a request is asked for. `DRAFT` has a file that the prompt does not mention, so its person is asked."""

    WORDS = "words"
    PICTURE = "picture"
    CLIP = "clip"
    SOUND = "sound"
    MESSAGE = "message"
    DRAFT = "draft"


_SORTS: Final = {Sort.WORDS: 15, Sort.PICTURE: 35, Sort.CLIP: 10, Sort.SOUND: 10, Sort.MESSAGE: 10, Sort.DRAFT: 20}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One request. `person` counts from 0. `cancel_after`: seconds after the answer; `None`: it is never cancelled."""

    number: int
    person: int
    sort: Sort
    takes: int = 1
    discard: bool = False
    cancel_after: float | None = None

    @property
    def tag(self) -> str:
        """Stands in the prompt and nowhere else."""
        return f"nr{self.number:05d}x"

    @property
    def prompt(self) -> str:
        """What is written; unlike every other wish's."""
        return f"{_PROMPTS[self.sort]} {self.tag}"


_PROMPTS: Final[Mapping[Sort, str]] = {
    Sort.WORDS: "a paper boat in the rain",
    Sort.PICTURE: "@Image1 waves",
    Sort.CLIP: "@Image1 walks like @Video1",
    Sort.SOUND: "@Image1 dances to @Audio1",
    Sort.MESSAGE: "@Image1 waves",
    Sort.DRAFT: "@Image1 waves",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A fault of a sandbox, struck once; `how` are the arguments of its `fault`."""

    at: Literal["vendor", "discord"]
    how: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of the bot: it ends at a fault point (`point`), or at a moment when there is none, or none is reached.

    `moment`: after it was started or, with `from_ready`, ready; counted in starts, so that a slow machine gets as far.
    """

    number: int
    point: str
    moment: float
    from_ready: bool
    wishes: tuple[Wish, ...] = ()
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Everything that will happen."""

    lives: tuple[Life, ...]
    rest: tuple[Wish, ...] = field(default=())

    @property
    def wishes(self) -> tuple[Wish, ...]:
        """All of them, in order."""
        return (*(wish for life in self.lives for wish in life.wishes), *self.rest)


def scripted(seed: int, requests: int, kills: int) -> Script:
    """The same for the same numbers. Wishes come evenly over the lives, or early where a point needs a new one."""
    chance = random.Random(seed)  # noqa: S311  it has to be repeatable, not secret
    points = _points(chance)
    asked = count()
    made = 0
    lives: list[Life] = []
    for number in range(kills):
        point = next(points) if chance.random() < _POINT_LIVES else ""
        due = requests * (number + 1) // kills - made
        wanted = max(0, min(requests - made, max(due, int(point in _FIRST_POINTS))))
        wishes = tuple(_wish(chance, next(asked), point) for _ in range(wanted))
        made += wanted
        lives.append(_life(chance, number, point, wishes))
    rest = tuple(_wish(chance, next(asked), "") for _ in range(requests - made))
    return Script(lives=tuple(lives), rest=rest)


def _points(chance: random.Random) -> Iterator[str]:
    """Each once, then each once again in another order; a draft cut short comes right before the call that it owes."""
    while True:
        order = [point for point in POINTS if point != "posted:callback"]
        chance.shuffle(order)
        order.insert(order.index("request.draft") + 1, "posted:callback")
        yield from order


def _wish(chance: random.Random, number: int, point: str) -> Wish:
    sort = chance.choices(list(_SORTS), list(_SORTS.values()))[0]
    takes = chance.choices([1, 2, 3, 4], [70, 18, 7, 5])[0]
    cancel_after = chance.uniform(0.0, 4.0) if chance.random() < 0.15 else None
    discard = chance.random() < 0.2
    if point == "request.draft":
        sort, discard, cancel_after = Sort.DRAFT, False, None
    if point in {"take.cancelled", "request.cancelled"}:
        sort, cancel_after = Sort.PICTURE, chance.uniform(0.0, 1.0)
    person = chance.randrange(PEOPLE)
    return Wish(number=number, person=person, sort=sort, takes=takes, discard=discard, cancel_after=cancel_after)


def _life(chance: random.Random, number: int, point: str, wishes: tuple[Wish, ...]) -> Life:
    from_ready = bool(point) or chance.random() >= _AS_IT_STARTS
    further = chance.choices([0, 1, 2], [50, 35, 15])[0]
    moment = _POINT_PATIENCE if point else chance.uniform(0.0, 3.0 if from_ready else 1.2)
    return Life(
        number=number,
        point=point,
        moment=moment,
        from_ready=from_ready,
        wishes=wishes,
        troubles=(*_LEADING_TO.get(point, ()), *chance.choices(_TROUBLES, k=further)),
    )


def _vendor(where: str, kind: str, **details: object) -> Trouble:
    return Trouble(at="vendor", how={"where": where, "kind": kind, **details})


def _discord(kind: str, **details: object) -> Trouble:
    return Trouble(at="discord", how={"kind": kind, **details})


_POST: Final[Mapping[str, object]] = {"method": "POST", "path_regex": "^/channels/[0-9]+/messages$"}
_EDIT: Final[Mapping[str, object]] = {"method": "PATCH", "path_regex": "^/channels/[0-9]+/messages/"}
_REFUSED_BY_THREAD = "thread"
"""Stands for a path that only results take; the ids are known once the sandbox runs."""

_TROUBLES: Final[Sequence[Trouble]] = (
    *[_vendor("enqueue", "drop_after")] * 6,  # what is most easily paid for twice
    _vendor("enqueue", "drop_before"),
    _vendor("enqueue", "status", code=500),
    _vendor("enqueue", "status", code=503),
    _vendor("enqueue", "429", retry_after_seconds=0.3),
    _vendor("enqueue", "delay", seconds=0.5),
    _vendor("enqueue", "truncate"),
    _vendor("queue_list", "status", code=502),
    _vendor("queue_list", "truncate"),
    _vendor("queue_get", "status", code=500),
    _vendor("generations", "status", code=500),
    _vendor("generations", "drop_before"),
    _vendor("cancel", "drop_after"),
    _vendor("file", "truncate"),
    _vendor("file", "status", code=503),
    _vendor("job", "delay", seconds=1.0),
    _vendor("job", "no_event"),
    _vendor("job", "fail", message="The input image may contain real person"),
    _discord("status_after_commit", status=502, **_POST),
    _discord("status_after_commit", status=500, **_POST),
    _discord("drop_after_commit", **_POST),
    _discord("status", status=503, **_POST),
    _discord("429", seconds=0.3, **_POST),
    _discord("delay_after_commit", seconds=0.5, **_POST),
    _discord("status_after_commit", status=502, **_EDIT),
    _discord("drop_after_commit", method="DELETE", path_regex="^/channels/[0-9]+/messages/"),
    _discord("status_after_commit", status=500, method="POST", path_regex="/threads$"),
)

_JOB_FAILS: Final = (_vendor("job", "fail", message="The input image may contain real person"),)
_THREAD_REFUSES: Final = (_discord("status", method="POST", path_regex=_REFUSED_BY_THREAD, status=403, code=50013),)
_LEADING_TO: Final[Mapping[str, Sequence[Trouble]]] = {
    "take.planned": (_vendor("enqueue", "429", retry_after_seconds=0.1),),
    "take.failed": _JOB_FAILS,
    "request.failed": _JOB_FAILS,
    "posted:notice": _JOB_FAILS,
    "request.kept": _THREAD_REFUSES,
}


def path_of_results(trouble: Trouble, *, besides: Sequence[str]) -> Mapping[str, object]:
    """The fault's arguments, with the path of messages in channels other than those (ids) where it asks for that."""
    if trouble.how.get("path_regex") != _REFUSED_BY_THREAD:
        return trouble.how
    return {**trouble.how, "path_regex": f"^/channels/(?!{'|'.join(besides)})[0-9]+/messages$"}
