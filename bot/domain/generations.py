"""The vendor's side of a take, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.media import Kind
from bot.domain.reasons import Reason
from bot.domain.requests import Parameters


class GenerationState(StrEnum):
    """What the vendor says of a generation. Whatever it says that we do not know counts as active."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One row at the vendor. `cost_usd_micros=None`: not said (yet). `vendor_status` is the vendor's own word."""

    id: str
    state: GenerationState
    vendor_status: str
    result_url: str | None = None
    failure: Reason | None = None
    failure_text: str = ""
    cost_usd_micros: int | None = None
    enqueued_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One published reference of a submission, in the order in which its kind is numbered (`faces_first`)."""

    reference_id: str
    kind: Kind
    url: str
    shows_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one take asks for, before it is put into the vendor's fields. `prompt` is rendered already."""

    model_id: str
    prompt: str
    parameters: Parameters
    materials: tuple[Material, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBody:
    """The vendor's request body, exactly as it will be sent, and what could not be said in its schema.

    `fingerprint` is equal for two bodies that the vendor's echo could not tell apart.
    """

    body: Mapping[str, object]
    fingerprint: str
    dropped: tuple[str, ...] = ()
