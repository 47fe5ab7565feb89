"""A working provider in memory, for tests of everything above the port. It keeps the port's promises.

    provider = FakeProvider(clock=clock)                      # implements `bot.domain.ports.Provider`
    generation_id = await provider.submit(body)               # `provider.started` lists ids, `provider.bodies` bodies
    provider.finish(generation_id, cost_usd_micros=500_000)   # or fail(), cancel_at_vendor(), forget()

Faults of the next submissions, one each, in order:

    provider.fail_submits(Fault.LOST_AFTER)     # the vendor took it, the answer was lost: `find` shows it
    provider.fail_submits(Fault.LOST_BEFORE)    # the same error, but nothing was started
    provider.fail_submits(Fault.NOT_STARTED, Fault.RATE_LIMITED, Fault.CREDITS, Fault.KEY, Fault.REJECTED)

Switches: `down` (every read raises `Unavailable`), `ignores_cancel` (too late: it goes on), `hides_starts` (`find` and
`active` do not show what was started, as a slow vendor may), `result_gone` (downloads are `Rejected`),
`finishes_at_once` (for tests that do not care about the wait), `result_bytes` (what downloads give), `spec` (what
`model()` answers; `default_spec("v3")` has fields for faces).
`len(provider.started)` is how often somebody would have paid.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from bot.domain.errors import NotStarted, OutcomeUnknown, Rejected, RushesError, Unavailable
from bot.domain.generations import Generation, GenerationState, PreparedBody, Submission
from bot.domain.identity import Clock
from bot.domain.models import ModelSpec, Pricing
from bot.domain.reasons import reason
from bot.providers.oxen.body import prepare
from bot.providers.oxen.echo import Match, match
from bot.providers.oxen.failures import classify
from bot.providers.oxen.pinned import load_pinned

MODEL_ID = "bytedance-seedance-2-0-fast-reference-to-video"
MODELS_DIRECTORY = Path(__file__).resolve().parents[1] / "config" / "models"
RESULT = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42" + b"\x00\x00\x00\x08mdat"
"""Looks like an MP4 from outside, and holds nothing."""
PRICE_USD_MICROS = 100_000
"""A second of the fake's default model."""
RETRY_AFTER_MS = 7_000
"""What `Fault.RATE_LIMITED` asks for."""


class Fault(Enum):
    """What a submission runs into. Only `LOST_AFTER` starts a generation."""

    NOT_STARTED = "not-started"
    RATE_LIMITED = "rate-limited"
    CREDITS = "credits"
    KEY = "key"
    REJECTED = "rejected"
    LOST_BEFORE = "lost-before"
    LOST_AFTER = "lost-after"

    def error(self) -> RushesError:
        """The error as the adapter raises it."""
        unknown = OutcomeUnknown(reason("outcome-unknown"), detail="the connection broke")
        return {
            Fault.NOT_STARTED: NotStarted(reason("vendor-unreachable"), detail="connection refused"),
            Fault.RATE_LIMITED: NotStarted(reason("vendor-rate-limited"), retry_after_ms=RETRY_AFTER_MS),
            Fault.CREDITS: Rejected(reason("vendor-credits"), detail="Insufficient credits"),
            Fault.KEY: Rejected(reason("vendor-key"), detail="unauthenticated"),
            Fault.REJECTED: Rejected(reason("rejected-prompt"), detail="the prompt was flagged"),
            Fault.LOST_BEFORE: unknown,
            Fault.LOST_AFTER: unknown,
        }[self]


def default_spec(version: str = "v1") -> ModelSpec:
    """A pinned version as if it were live, with a price of `PRICE_USD_MICROS` a second."""
    pinned = {each.version: each for each in load_pinned(MODELS_DIRECTORY, MODEL_ID)}
    return replace(pinned[version].alone(), live=True, pricing=Pricing(otherwise=PRICE_USD_MICROS))


@dataclass
class FakeProvider:
    """See the module's docstring. The clock is the vendor's as well as ours, rounded to whole seconds there."""

    clock: Clock
    spec: ModelSpec = field(default_factory=default_spec)
    result_bytes: bytes = RESULT
    down: bool = False
    ignores_cancel: bool = False
    hides_starts: bool = False
    result_gone: bool = False
    finishes_at_once: bool = False
    started: list[str] = field(default_factory=list[str])
    bodies: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    cancels: list[str] = field(default_factory=list[str])
    _faults: list[Fault] = field(default_factory=list[Fault])
    _rows: dict[str, Generation] = field(default_factory=dict[str, Generation])
    _sent: dict[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    _results: dict[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def known(self) -> ModelSpec:
        """As the adapter has it: the spec, without asking."""
        return self.spec

    # --- the port --------------------------------------------------------------------------------------------------

    async def model(self) -> ModelSpec:
        """The spec it was given."""
        return self.spec

    def prepare(self, spec: ModelSpec, submission: Submission) -> PreparedBody:
        """As the adapter does it."""
        return prepare(spec, submission)

    async def submit(self, body: Mapping[str, object]) -> str:
        """Starts a generation, unless a fault is due."""
        if not self._faults:
            return self._start(body)
        fault = self._faults.pop(0)
        if fault is Fault.LOST_AFTER:
            self._start(body)
        raise fault.error()

    async def find(
        self, body: Mapping[str, object], *, since_ms: int, claimed: Collection[str]
    ) -> tuple[Generation, ...]:
        """The unclaimed generations of that very body, begun since then. `Unavailable` where that cannot be told."""
        self._check_up()
        verdicts = [
            (row, match(body, self._sent[row.id], enqueued_at_ms=row.enqueued_at_ms, since_ms=since_ms))
            for row in self._visible()
            if row.id not in claimed
        ]
        found = tuple(row for row, verdict in verdicts if verdict is Match.YES)
        if not found and any(verdict is Match.UNTELLABLE for _, verdict in verdicts):
            raise Unavailable(reason("outcome-unknown"), detail="a row may be ours")
        return found

    async def active(self) -> tuple[Generation, ...]:
        """What is queued or processing."""
        self._check_up()
        return tuple(row for row in self._visible() if row.state is GenerationState.ACTIVE)

    async def look(self, generation_id: str) -> Generation:
        """One generation; `MISSING` when it was never started or is forgotten."""
        self._check_up()
        missing = Generation(id=generation_id, state=GenerationState.MISSING, vendor_status="")
        return self._rows.get(generation_id, missing)

    async def cancel(self, generation_id: str) -> None:
        """Cancels an active generation, unless `ignores_cancel`; anything else is left as it is."""
        self._check_up()
        self.cancels.append(generation_id)
        row = self._rows.get(generation_id)
        if row and row.state is GenerationState.ACTIVE and not self.ignores_cancel:
            self.cancel_at_vendor(generation_id)

    async def download(self, url: str, into: Path) -> int:
        """Writes the result's bytes."""
        self._check_up()
        if self.result_gone or url not in self._results:
            raise Rejected(reason("result-gone"), detail="HTTP 404")
        return into.write_bytes(self._results[url])

    # --- the test's hand at the vendor -------------------------------------------------------------------------------

    def fail_submits(self, *faults: Fault) -> None:
        """Each of the next submissions runs into one of these, in order."""
        self._faults += faults

    def finish(
        self,
        generation_id: str,
        *,
        cost_usd_micros: int | None = 500_000,
        result: bytes | None = None,
        with_url: bool = True,
    ) -> None:
        """It succeeded. `result` else `result_bytes`; `with_url=False`: the vendor says done but gives no URL."""
        url = f"https://vendor.invalid/results/{generation_id}.mp4?signature=s3cret" if with_url else None
        if url:
            self._results[url] = self.result_bytes if result is None else result
        self._change(generation_id, GenerationState.SUCCEEDED, result_url=url, cost_usd_micros=cost_usd_micros)

    def fail(
        self, generation_id: str, text: str = "Content policy violation", *, cost_usd_micros: int | None = 0
    ) -> None:
        """It failed with that text, which is classified as the adapter does it."""
        self._change(
            generation_id,
            GenerationState.FAILED,
            failure=classify(text),
            failure_text=text,
            cost_usd_micros=cost_usd_micros,
        )

    def cancel_at_vendor(self, generation_id: str, *, cost_usd_micros: int | None = 0) -> None:
        """It ends as cancelled."""
        self._change(
            generation_id,
            GenerationState.CANCELLED,
            failure=reason("vendor-cancelled"),
            cost_usd_micros=cost_usd_micros,
        )

    def forget(self, generation_id: str) -> None:
        """The vendor no longer knows it."""
        del self._rows[generation_id]

    def _start(self, body: Mapping[str, object]) -> str:
        generation_id = f"00000000-0000-4000-8000-{len(self.started) + 1:012d}"
        self.started.append(generation_id)
        self.bodies.append(dict(body))
        self._sent[generation_id] = self.bodies[-1]
        self._rows[generation_id] = Generation(
            id=generation_id,
            state=GenerationState.ACTIVE,
            vendor_status="queued",
            enqueued_at_ms=self.clock() // 1000 * 1000,
        )
        if self.finishes_at_once:
            self.finish(generation_id)
        return generation_id

    def _change(self, generation_id: str, state: GenerationState, **changes: object) -> None:
        row = self._rows[generation_id]
        self._rows[generation_id] = replace(row, state=state, vendor_status=state.value, **changes)  # pyright: ignore[reportArgumentType]

    def _visible(self) -> tuple[Generation, ...]:
        return () if self.hides_starts else tuple(self._rows.values())

    def _check_up(self) -> None:
        if self.down:
            raise Unavailable(reason("vendor-unreachable"), detail="the fake is down")


@asynccontextmanager
async def raw_server(*pieces: bytes, then_silent: bool = False) -> AsyncGenerator[str]:
    """A server that reads a request, says these bytes, and closes (or falls silent): for answers no vendor would give.

    Yields `http://127.0.0.1:PORT`.
    """
    handlers: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.writelines(pieces)
            await writer.drain()
            if then_silent:
                await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*(handler for handler in handlers if handler))
