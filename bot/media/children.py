"""Runs jobs in media children, from the bot's side: hands them files and limits, and judges how they end.

One process per job, never used again: what a file does to a decoder dies with it. How children are started is the
matter of `bot.media.starters`; the judgement is the same for all.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Unpack, cast

from bot.domain.errors import Refused, Unavailable
from bot.domain.media import Kind
from bot.domain.reasons import Reason, reason
from bot.media.protocol import MAX_ANSWER_BYTES, NO_THREADS, Details, JobSpec, LimitSpec, SourceSpec, mapping_from
from bot.media.starters import Starter, StarterGone

_QUICK: Final = frozenset({"probe", "record", "selftest"})
"""Jobs that look at one file. All others write something, and one turn is kept free of those."""

_KILLED_BY_LIMIT: Final[Mapping[int, str]] = {-signal.SIGXCPU: "too much computing", -signal.SIGKILL: "too much memory"}
_ANSWERS: Final = frozenset({"facts", "done", "report"})
Heard = Callable[[Mapping[str, object]], None]
_LIMIT_CHARACTERS: Final = 60
_NOTHING: Final[Mapping[str, object]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A file for a child: its sniffed format names the reader. Refusals call it `name`; `label` is drawn.

    `start_seconds`, `seconds`: which part of it is drawn (`None`: to its end).
    """

    path: Path
    format: str
    kind: Kind
    name: str
    label: str = ""
    start_seconds: float = 0.0
    seconds: float | None = None

    def source(self, descriptor: int) -> SourceSpec:
        """What the child is told of it."""
        return SourceSpec(
            descriptor=descriptor,
            format=self.format,
            kind=self.kind.value,
            label=self.label,
            start_seconds=self.start_seconds,
            seconds=self.seconds,
        )

    def unreadable(self) -> Reason:
        """Damaged or incomplete."""
        return reason("file-unreadable", name=self.name, found=self.format)

    def too_heavy(self, limit: str) -> Reason:
        """Over the limit that is named."""
        return reason("media-too-heavy", name=self.name, limit=limit)


_NO_SUBJECT: Final = Subject(path=Path(), format="mp4", kind=Kind.VIDEO, name="draft")


class SubjectRefused(Refused):
    """A job ended because of one of its subjects: the one at `index`."""

    def __init__(self, why: Reason, *, index: int, detail: str, layers: tuple[str, ...] = ()) -> None:
        """`index` counts subjects from 0, and is 0 where there is none; `layers` stood around the child."""
        super().__init__(why, detail=detail)
        self.index = index
        self.layers = layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a job may use. Wall seconds count from the child's start; memory is address space (RLIMIT_AS)."""

    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    output_bytes: int

    def spec(self) -> LimitSpec:
        """What the child sets for itself; wall time is kept by the parent."""
        return {
            "memory_bytes": self.memory_bytes,
            "cpu_seconds": self.cpu_seconds,
            "output_bytes": self.output_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A job that was done: the child's last line, and the layers of isolation that stood around it."""

    line: Mapping[str, object]
    layers: tuple[str, ...]


class Children:
    """Starts a child per job, at most so many at once. A cancelled call kills its child.

    Where there are two turns or more, jobs that write (seconds to minutes) leave one to those that only look.
    """

    def __init__(self, *, count: int, starter: Starter) -> None:
        """`count`: children at once."""
        self._turns, self._writers = asyncio.Semaphore(count), asyncio.Semaphore(max(1, count - 1))
        self._starter = starter

    async def run(
        self,
        job: str,
        subjects: Sequence[Subject],
        limits: Limits,
        *,
        output: Path | None = None,
        heard: Heard | None = None,
        **details: Unpack[Details],
    ) -> Answer:
        """Does one job when there is a turn. Each line that the child says is `heard` at once; it is outside data.

        `SubjectRefused` (file-unreadable, media-too-heavy) about the subject that the child opened last;
        `Unavailable` when the child could not even start, or a file of ours could not be opened: that is never the
        file's fault.
        """
        async with self._turn(job):
            try:
                ending = await self._attempt(job, subjects, limits, output, heard, details)
            except StarterGone:
                ending = await self._attempt(job, subjects, limits, output, heard, details)
        return _judged(ending, subjects, limits)

    @asynccontextmanager
    async def _turn(self, job: str) -> AsyncGenerator[None]:
        """A turn; whoever writes waits for the writers' lane first, so that nobody waits with a turn in hand."""
        async with AsyncExitStack() as held:
            if job not in _QUICK:
                await held.enter_async_context(self._writers)
            await held.enter_async_context(self._turns)
            yield

    async def _attempt(
        self,
        job: str,
        subjects: Sequence[Subject],
        limits: Limits,
        output: Path | None,
        heard: Heard | None,
        details: Details,
    ) -> "_Ending":
        """Does the job from its start: files opened anew, the output emptied."""
        with _opened(subjects, output) as (sources, target):
            spec = JobSpec(job=job, parent=os.getpid(), limits=limits.spec(), sources=sources, **details)
            if target is not None:
                spec["output"] = target
            return await self._converse(spec, limits.wall_seconds, _Ending(heard))

    async def _converse(self, spec: JobSpec, wall_seconds: float, ending: "_Ending") -> "_Ending":
        """Starts a child, hands it the job and listens until it ends or its time is up."""
        descriptors = [source["descriptor"] for source in spec["sources"]]
        if "output" in spec:
            descriptors.append(spec["output"])
        async with self._starter.start(json.dumps(spec).encode(), descriptors) as child:
            try:
                async with asyncio.timeout(wall_seconds):
                    await child.listen(ending.hear)
            except TimeoutError:
                ending.timed_out = True
            ending.exit_code = child.exit_code
        return ending


@dataclass(slots=True)
class _Ending:
    """How a child ended: what it said, its exit code (negative: the signal), and whether its time was up.

    Lines count up to the first that is no JSON object, and up to `MAX_ANSWER_BYTES`.
    """

    heard: Heard | None = None
    lines: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    exit_code: int | None = None
    timed_out: bool = False
    _rest: bytes = b""
    _byte_count: int = 0

    def hear(self, chunk: bytes) -> bool:
        """Takes in what was said next; False when there is no use in listening on."""
        self._byte_count += len(chunk)
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        return all(self._take(line) for line in whole) and self._byte_count <= MAX_ANSWER_BYTES

    def _take(self, line: bytes) -> bool:
        try:
            said = mapping_from(json.loads(line))
        except (ValueError, RecursionError):
            return False
        self.lines.append(said)
        if self.heard is not None:
            self.heard(said)
        return True


def _judged(ending: _Ending, subjects: Sequence[Subject], limits: Limits) -> Answer:
    """The job's answer, or the refusal that a child's end amounts to."""
    first, *rest = ending.lines or [_NOTHING]
    if "ready" not in first:
        why = first.get("broken", f"exit {ending.exit_code}")
        raise Unavailable(reason("internal-error"), detail=f"media child did not start: {why}")
    layers = words_of(first["ready"])
    index, last = _spoken_of(rest, subjects), rest[-1] if rest else _NOTHING
    if last.get("refused") == NO_THREADS:
        raise Unavailable(reason("internal-error"), detail=f"media child has no threads: {last.get('detail')}")
    why = _why_not(ending, last, subjects[index] if subjects else _NO_SUBJECT, limits)
    if why is not None:
        raise SubjectRefused(why[0], index=index, detail=why[1], layers=layers)
    return Answer(line=last, layers=layers)


def _why_not(
    ending: _Ending, last: Mapping[str, object], subject: Subject, limits: Limits
) -> tuple[Reason, str] | None:
    """Why there is no answer, for people and for the log; `None` when there is one."""
    if ending.timed_out:
        return subject.too_heavy(f"{limits.wall_seconds:g} s"), "wall time"
    if "refused" in last:
        return _refusal(last, subject)
    if last.keys() & _ANSWERS:
        return None
    how = _KILLED_BY_LIMIT.get(ending.exit_code or 0)
    gone = f"media child ended without an answer: exit {ending.exit_code}"
    return (subject.too_heavy(how) if how else subject.unreadable()), gone


def _spoken_of(lines: Sequence[Mapping[str, object]], subjects: Sequence[Subject]) -> int:
    """The index of the subject that the child opened last; 0 before that, and for what cannot be."""
    index = next((line["source"] for line in reversed(lines) if "source" in line), 0)
    return index if isinstance(index, int) and 0 <= index < len(subjects) else 0


def _refusal(line: Mapping[str, object], subject: Subject) -> tuple[Reason, str]:
    """A child's own refusal. It has read untrusted bytes, so only codes and words that we know are repeated."""
    code, limit, detail = (str(line.get(key, "")) for key in ("refused", "limit", "detail"))
    if code != "media-too-heavy":
        return subject.unreadable(), detail
    plain = "".join(letter for letter in limit[:_LIMIT_CHARACTERS] if letter.isalnum() or letter in " .,")
    return subject.too_heavy(plain), detail


def words_of(value: object) -> tuple[str, ...]:
    """A JSON list as words; anything else is none."""
    return tuple(str(word) for word in cast("list[object]", value)) if isinstance(value, list) else ()


@contextmanager
def _opened(subjects: Sequence[Subject], output: Path | None) -> Generator[tuple[list[SourceSpec], int | None]]:
    """Descriptors on the inputs (read) and the output (read and write), closed at the end."""
    with ExitStack() as stack:
        try:
            inputs = [stack.enter_context(subject.path.open("rb", buffering=0)) for subject in subjects]
            target = None if output is None else stack.enter_context(output.open("r+b", buffering=0)).fileno()
            if target is not None:
                os.ftruncate(target, 0)  # a child before this one may have ended in the middle
        except OSError as error:
            raise Unavailable(reason("storage-unavailable"), detail=str(error)) from error
        yield [subject.source(file.fileno()) for file, subject in zip(inputs, subjects, strict=True)], target
