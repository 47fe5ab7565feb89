"""What the control API says, typed: the server writes these and the operator reads them.

Times are Unix milliseconds, `seconds` are seconds of media, money is decimal USD (a string in JSON).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Where = Literal["enqueue", "queue_list", "queue_get", "cancel", "generations", "models", "events", "file", "job"]
FaultKind = Literal[
    "status", "drop_before", "drop_after", "delay", "429",
    "redirect", "truncate", "not_video",
    "fail", "no_result_url", "no_event", "lost", "unknown_status", "stuck",
]  # fmt: skip
Stage = Literal["queued", "processing"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultOrder(_View):
    """A fault to come. `times=None`: for ever. The first `skip` matching calls are spared.

    With `generation_id` it waits for that one (where the call or job names one).

    | kind | at | does | uses |
    |---|---|---|---|
    | status | any route | answers `code` with `body`; nothing is done | code, body, retry_after_seconds |
    | 429 | any route | the same with Oxen's 429 body | retry_after_seconds |
    | drop_before | any route | closes the connection; nothing is done | |
    | drop_after | any but events | does everything, then closes the connection instead of answering | |
    | delay | any route, job | waits first | seconds |
    | redirect | file | 302 to `location`, or to this server under another host name | location |
    | truncate | any but events | announces all bytes, sends half, closes | |
    | not_video | file | 200 and `video/mp4`, but a web page | |
    | fail | job | fails with `message` after its references were fetched | message |
    | no_result_url | job, queue_get, queue_list, generations | succeeded without a URL | |
    | no_event | job | its completion event is not sent | |
    | lost | job, queue_get, queue_list, generations | the row is not there: 404 (job: for good) | |
    | unknown_status | job, queue_get, queue_list, generations | the row says `message` as its status | message |
    | stuck | job | stays `processing` until cancelled or settled | |
    """

    where: Where
    kind: FaultKind
    times: int | None = 1
    skip: int = 0
    generation_id: str | None = None
    code: int = 500
    body: Any = None
    seconds: float = 1.0
    retry_after_seconds: float | None = None
    message: str | None = None
    location: str | None = None


class FaultView(_View):
    """A fault and how often it struck."""

    id: int
    order: FaultOrder
    struck: int


class ReferenceView(_View):
    """One reference of a body and what was fetched. `number` counts from 1 within its kind; `error` when it failed."""

    field: str
    kind: str
    number: int
    source: Literal["url", "data"]
    url: str
    fetched_at_ms: int
    sha256: str | None = None
    byte_count: int | None = None
    content_type: str | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    error: str | None = None


class ResultView(_View):
    """The rendered file. `cached`: an identical earlier render was used again."""

    path: str
    sha256: str
    byte_count: int
    width: int
    height: int
    seconds: float
    cached: bool


class GenerationView(_View):
    """Everything known of a generation. `post` numbers the POST it came from; `lost` rows answer 404 to clients."""

    generation_id: str
    post: int
    status: str
    lost: bool
    namespace: str
    body: Mapping[str, Any]
    enqueued_at_ms: int
    started_at_ms: int | None
    completed_at_ms: int | None
    error_message: str | None
    cost: Decimal | None
    references: tuple[ReferenceView, ...]
    result: ResultView | None

    @property
    def materials(self) -> Mapping[str, tuple[str, ...]]:
        """Field → SHA-256 of what its addresses gave when they were fetched, in order; empty before that."""
        fields = dict.fromkeys(one.field for one in self.references)
        return {name: tuple(one.sha256 or "" for one in self.references if one.field == name) for name in fields}


class Violation(_View):
    """A body of `POST /queue` that broke a schema; `field` is empty for the body as a whole."""

    source: Literal["openapi", "model"]
    post: int
    field: str
    message: str


class LoggedCall(_View):
    """One call of the vendor's API. `path` has no query. `status=None`: the connection was cut instead.

    `authorized`: the call carried an Authorization header, right or wrong. `host` is the Host header.
    """

    number: int
    at_ms: int
    where: str
    method: str
    host: str
    path: str
    status: int | None
    milliseconds: int
    authorized: bool
    fault: int | None


class Report(_View):
    """The whole story.

    `posts`: POSTs to the queue that arrived · `accepted`: those that made generations, answered or not ·
    `contradictions`: values that the model's schema asks for and the OpenAPI file forbids (V1's `duration` strings) ·
    `calls`: newest last, at most the last 20,000 · `counts`: calls by `where` · `spent`: USD charged.
    """

    posts: int
    accepted: int
    generations: int
    by_status: Mapping[str, int]
    violations: tuple[Violation, ...]
    contradictions: tuple[Violation, ...]
    counts: Mapping[str, int]
    calls: tuple[LoggedCall, ...]
    faults: tuple[FaultView, ...]
    streams: int
    balance: Decimal
    spent: Decimal
