"""Everything this Oxen knows, in one place that its routes share."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.oxen.events import Hub
from sandbox.oxen.faults import Faults
from sandbox.oxen.generations import Book, Generation
from sandbox.oxen.journal import Journal
from sandbox.oxen.results import Results
from sandbox.oxen.schemas import ModelSchema, schema
from sandbox.oxen.settings import Settings
from sandbox.oxen.views import Report, Stage

Clock = Callable[[], int]
"""Answers the time now, in Unix milliseconds."""


class Starter(Protocol):
    """Who carries accepted generations (`jobs.Jobs`)."""

    def start(self, row: Generation) -> None: ...
    def cancel(self, row: Generation) -> None: ...
    def stop(self) -> None: ...
    def settle(self, row: Generation, error_message: str) -> None: ...


class Gates:
    """Doors that a test may shut: jobs wait before them, in the state that the door is named after."""

    def __init__(self) -> None:
        self._doors: Mapping[Stage, asyncio.Event] = {"queued": asyncio.Event(), "processing": asyncio.Event()}
        self.release()

    def hold(self, stage: Stage) -> None:
        """Jobs that are in that state stay in it."""
        self._doors[stage].clear()

    def release(self) -> None:
        """Everybody goes on."""
        for door in self._doors.values():
            door.set()

    async def passed(self, stage: Stage) -> None:
        """Waits until jobs may leave that state."""
        await self._doors[stage].wait()


class World:
    """State and collaborators; lives as long as the process."""

    def __init__(
        self, settings: Settings, *, journal: Journal, results: Results, clock: Clock, random_bits: Callable[[int], int]
    ) -> None:
        self._initial = settings
        self.settings = settings
        self.journal = journal
        self.results = results
        self.clock = clock
        self.book = Book()
        self.faults = Faults()
        self.hub = Hub()
        self.gates = Gates()
        self._random_bits = random_bits

    @property
    def schema(self) -> ModelSchema:
        """The schema that the model has now."""
        return schema(self.settings.schema_version)

    def change(self, changes: Mapping[str, Any]) -> Settings:
        """New settings from now on; `pydantic.ValidationError` when they make no sense."""
        self.settings = Settings.model_validate(self.settings.model_dump() | dict(changes))
        return self.settings

    def reset(self) -> None:
        """As after the start: settings, rows, faults, journal. Streams are cut; jobs are the caller's to stop first."""
        self.settings, self.book, self.faults = self._initial, Book(), Faults()
        self.journal = self.journal.fresh()
        self.gates.release()
        self.hub.cut()

    def link(self, row: Generation) -> str:
        """The row's result URL, signed anew at each look when links are signed."""
        return self.results.link(row, self.settings, now_ms=self.clock())

    def new_generation(self, body: Mapping[str, Any], post: int) -> Generation:
        """A queued row."""
        row = Generation(
            id=str(uuid.UUID(int=self._random_bits(128), version=4)),
            post=post,
            body=body,
            namespace=body.get("target_namespace") or self.settings.username,
            enqueued_at_ms=self.clock(),
        )
        self.book.add(row)
        return row

    def report(self, *, since: int = 0) -> Report:
        """The whole story so far; of the calls only those after number `since`."""
        rows, journal = self.book.everything(), self.journal
        statuses = [row.status.value for row in rows]
        return Report(
            posts=journal.posts,
            accepted=journal.accepted,
            generations=len(rows),
            by_status={status: statuses.count(status) for status in sorted(set(statuses))},
            violations=tuple(journal.violations),
            contradictions=tuple(journal.contradictions),
            counts=journal.counts,
            calls=tuple(call for call in journal.calls if call.number > since),
            faults=self.faults.views(),
            streams=len(self.hub),
            balance=self.settings.balance,
            spent=sum((row.cost for row in rows if row.cost is not None), start=self.settings.balance * 0),
        )
