"""Rows of generations as the vendor writes them, in both asynchronous contracts (oxen.md 1.2–1.5 and 6)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Final

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from bot.domain.generations import Generation, GenerationState
from bot.domain.reasons import Reason, reason
from bot.providers.oxen.failures import classify
from bot.providers.oxen.values import as_list, as_object, usd_micros

_STATES: Final[Mapping[str, GenerationState]] = {
    "succeeded": GenerationState.SUCCEEDED,
    "failed": GenerationState.FAILED,
    "cancelled": GenerationState.CANCELLED,
}
"""Everything else counts as active: queued, processing, no status (2026-04-14), and words that are new to us."""


_LAST_SECOND: Final = 10**11
_MOST_USD: Final = 1_000_000
"""Beyond these a figure is no cost of one clip and no time: it counts as not said."""


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """One odd value must not cost us the row."""
    try:
        return handler(value)
    except ValidationError:
        return None


_OrNone = WrapValidator(_or_none)


class Row(BaseModel):
    """One row. Only the id is needed; the request's own parameters stay in `model_extra`. Times in Unix seconds."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    generation_id: Annotated[str, Field(min_length=1)]
    model_name: Annotated[str | None, _OrNone] = Field(None, validation_alias=AliasChoices("model_name", "model"))
    status: Annotated[str | None, _OrNone] = None
    result_url: Annotated[str | None, _OrNone] = Field(None, validation_alias=AliasChoices("result_url", "url"))
    error_message: Annotated[str | None, _OrNone] = Field(None, validation_alias=AliasChoices("error_message", "error"))
    enqueued_at: Annotated[Annotated[int, Field(ge=0, le=_LAST_SECOND)] | None, _OrNone] = None
    cost: Annotated[Annotated[Decimal, Field(ge=0, le=_MOST_USD)] | None, _OrNone] = None

    @property
    def echo(self) -> Mapping[str, object]:
        """What the row repeats of the request, prompt included."""
        return self.model_extra or {}

    @property
    def enqueued_at_ms(self) -> int | None:
        """Unix milliseconds."""
        return None if self.enqueued_at is None else self.enqueued_at * 1000

    def generation(self) -> Generation:
        """In our words. `SUCCEEDED` may come without a URL; the caller decides how long to look again (oxen.md 6)."""
        status = self.status or ""
        state = _STATES.get(status.lower(), GenerationState.ACTIVE)
        return Generation(
            id=self.generation_id,
            state=state,
            vendor_status=status,
            result_url=self.result_url or None,
            failure=self._failure(state),
            failure_text=self.error_message or "",
            cost_usd_micros=None if self.cost is None else usd_micros(self.cost),
            enqueued_at_ms=self.enqueued_at_ms,
        )

    def _failure(self, state: GenerationState) -> Reason | None:
        if state is GenerationState.CANCELLED:
            return reason("vendor-cancelled")
        return classify(self.error_message or "") if state is GenerationState.FAILED else None


def row_of(payload: object, generation_id: str) -> Row | None:
    """The row in an answer about one generation, wrapped in `generation` or flat; `None` when it is none."""
    answer = as_object(payload)
    inner = as_object(answer.get("generation")) or answer
    if not inner:
        return None
    try:
        return Row.model_validate({"generation_id": generation_id, **inner})
    except ValidationError:
        return None


def rows_of(payload: object) -> tuple[Row, ...] | None:
    """The rows of a list answer; `None` when it has no list. A row without an id cannot be anybody's and is skipped."""
    answer = as_object(payload)
    if not isinstance(answer.get("generations"), list):
        return None
    return tuple(_valid(as_list(answer["generations"])))


def _valid(items: object) -> Iterator[Row]:
    for item in as_list(items):
        try:
            yield Row.model_validate(item)
        except ValidationError:
            continue
