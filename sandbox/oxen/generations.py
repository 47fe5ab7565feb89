"""The rows: one generation each."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sandbox.oxen.views import GenerationView, ReferenceView, ResultView


class Status(StrEnum):
    """The vendor's five words [D]."""

    QUEUED = "queued"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = frozenset({Status.QUEUED, Status.PROCESSING})


@dataclass(slots=True, kw_only=True)
class Generation:
    """One row. `lost`, `shown_status`, `hides_result` and `silent` are faults that stick to it."""

    id: str
    post: int
    body: Mapping[str, Any]
    namespace: str
    enqueued_at_ms: int
    status: Status = Status.QUEUED
    started_at_ms: int | None = None
    completed_at_ms: int | None = None
    error_message: str | None = None
    cost: Decimal | None = None
    references: list[ReferenceView] = field(default_factory=list[ReferenceView])
    result: ResultView | None = None
    lost: bool = False
    shown_status: str | None = None
    hides_result: bool = False
    silent: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    def view(self) -> GenerationView:
        """Everything known, for the control API."""
        return GenerationView(
            generation_id=self.id,
            post=self.post,
            status=self.status.value,
            lost=self.lost,
            namespace=self.namespace,
            body=self.body,
            enqueued_at_ms=self.enqueued_at_ms,
            started_at_ms=self.started_at_ms,
            completed_at_ms=self.completed_at_ms,
            error_message=self.error_message,
            cost=self.cost,
            references=tuple(self.references),
            result=self.result,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Query parameters of the list routes; `None` asks for nothing."""

    namespace: str
    model: str | None = None
    status: str | None = None
    media_type: str | None = None
    repo: str | None = None
    folder: str | None = None

    def takes(self, generation: Generation) -> bool:
        """True when the row passes every condition."""
        conditions = (
            (self.namespace, generation.namespace),
            (self.model, generation.body["model"]),
            (self.status, generation.status.value),
            (self.media_type, "video"),
            (self.repo, generation.body.get("target_repo")),
            (self.folder, generation.body.get("target_directory")),
        )
        return all(wanted is None or wanted == actual for wanted, actual in conditions)


class Book:
    """All rows in the order of their arrival; none is deleted, lost ones are only hidden."""

    def __init__(self) -> None:
        self._rows: dict[str, Generation] = {}

    def add(self, generation: Generation) -> None:
        self._rows[generation.id] = generation

    def everything(self) -> tuple[Generation, ...]:
        """Lost rows too."""
        return tuple(self._rows.values())

    def any_row(self, generation_id: str) -> Generation | None:
        """A row, even a lost one."""
        return self._rows.get(generation_id)

    def find(self, generation_id: str) -> Generation | None:
        """A row as a client may see it."""
        row = self._rows.get(generation_id)
        return None if row is None or row.lost else row

    def rows(self, wanted: Filter, *, active_only: bool) -> Iterator[Generation]:
        """Rows as a client may see them, oldest first (Oxen documents no order)."""
        for row in self._rows.values():
            if not row.lost and (row.active or not active_only) and wanted.takes(row):
                yield row
