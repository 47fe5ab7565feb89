"""What the database, both sandboxes and the disk say in the end, read without the bot's own code."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, NullPool, create_engine, inspect, text

from sandbox.chaos.crowd import Asked
from sandbox.discord.person import Message, Sandbox
from sandbox.discord.wire import Json
from sandbox.oxen.operator import OxenOperator
from sandbox.oxen.views import GenerationView
from sandbox.rig import Rig

_MARKER: Final = re.compile(r"^-# `([0-9a-z]{13})` · ([a-z0-9-]+)$", re.MULTILINE)
_STAGED: Final = re.compile(r"^([0-9a-z]{13}-[0-9]+)-refs[0-9]+[a-h]?$")
_TAG: Final = re.compile(r"\bnr[0-9]{5}x\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A row of a request. `tag`: its wish's."""

    id: str
    interaction_id: int
    state: str
    accepted: bool
    take_count: int
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A row of a take. `clip`: SHA-256."""

    id: str
    request_id: str
    state: str
    generation_id: str | None
    cost_usd_micros: int | None
    clip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A generation at the vendor. `take_ids`: whose staged files it was sent; `clip`: SHA-256."""

    id: str
    status: str
    cost_usd_micros: int | None
    tag: str
    take_ids: frozenset[str] = frozenset()
    clip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message of the bot's that stands in a channel. `clips`: SHA-256 of its videos."""

    id: str
    request_id: str
    slot: str
    clips: tuple[str, ...] = ()
    offers_cancel: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that is judged. `nonces`: how many messages were made with each, deleted ones too.

    `named`: contents that rows point to; `contents`: what lies in the store; `strays`: other files in the storage.
    `said`: interaction id → all that its person read; `told_accepted`: those who read that theirs is in line.
    """

    wanted: Sequence[Wanted] = ()
    taken: Sequence[Taken] = ()
    made: Sequence[Made] = ()
    posted: Sequence[Posted] = ()
    nonces: Mapping[str, int] = field(default_factory=dict[str, int])
    named: frozenset[str] = frozenset()
    contents: frozenset[str] = frozenset()
    strays: Sequence[str] = ()
    staging_left: int = 0
    said: Mapping[int, str] = field(default_factory=dict[int, str])
    told_accepted: frozenset[int] = frozenset()
    ledger_complaint: str = ""
    fell: Sequence[str] = ()

    def but(self, **changes: Any) -> "Evidence":  # noqa: ANN401  fields of this class
        """The same with other values."""
        return replace(self, **changes)


class Books:
    """The bot's database, read only."""

    def __init__(self, rig: Rig) -> None:
        self._url = rig.settings.get("RUSHES__STORAGE__DATABASE_URL") or _read_only(rig.database)

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        """The rows that answer an SQL question."""
        engine = create_engine(self._url, poolclass=NullPool)
        try:
            with engine.connect() as connection:
                return _answer(connection, question)
        finally:
            engine.dispose()

    def have(self, word: str) -> bool:
        """True when a table's name has that word in it."""
        engine = create_engine(self._url, poolclass=NullPool)
        try:
            return any(word in name for name in inspect(engine).get_table_names())
        finally:
            engine.dispose()

    def states(self) -> Counter[str]:
        """How many requests are in each state."""
        return Counter({str(state): int(many) for state, many in self.ask(_STATES)})


_STATES: Final = "SELECT state, count(*) FROM requests GROUP BY state"
_REQUESTS: Final = (
    "SELECT id, interaction_id, state, accepted_at_ms, take_count, written_prompt FROM requests ORDER BY created_at_ms"
)
_TAKES: Final = "SELECT id, request_id, state, generation_id, cost_usd_micros, clip FROM takes ORDER BY id"
NAMED: Final = (
    "SELECT content FROM request_references UNION SELECT content FROM tray_references "
    "UNION SELECT made_content FROM request_references WHERE made_content IS NOT NULL "
    "UNION SELECT clip FROM takes WHERE clip IS NOT NULL "
    "UNION SELECT shrunk_clip FROM takes WHERE shrunk_clip IS NOT NULL"
)
"""The question for the keys of all contents that rows point to."""


def _read_only(database: Path) -> str:
    return f"sqlite:///file:{database}?mode=ro&uri=true"


def _answer(connection: Connection, question: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(question))]


async def gathered(rig: Rig, discord: Sandbox, oxen: OxenOperator, asked: Sequence[Asked]) -> Evidence:
    """Asks everybody. The bot is not running."""
    books = Books(rig)
    report = await discord.report()
    files = _take_of_file(report["messages"])
    contents, strays = on_disk(rig.folder / "bot")
    messages = await discord.messages(rig.discord.channel_id, threads=True)
    return Evidence(
        wanted=[_wanted(*row) for row in books.ask(_REQUESTS)],
        taken=[_taken(*row) for row in books.ask(_TAKES)],
        made=[_made(row, files) for row in await oxen.generations()],
        posted=[found for message in messages if message.by_bot for found in _posted(message)],
        nonces=Counter(str(one["nonce"]) for one in report["messages"] if one["nonce"] is not None),
        named=frozenset(str(key) for (key,) in books.ask(NAMED)),
        contents=contents,
        strays=strays,
        staging_left=len(await discord.messages(rig.discord.staging_channel_id)),
        said={one.interaction_id: one.text for one in asked},
        told_accepted=frozenset(one.interaction_id for one in asked if one.told_accepted),
    )


def on_disk(storage: Path) -> tuple[frozenset[str], list[str]]:
    """The keys of the contents, and the paths of whatever else lies among them or in the scratch folder."""
    keys: set[str] = set()
    strays: list[str] = []
    for folder in (storage / "contents", storage / "scratch"):
        for place, _, names in os.walk(folder):
            for name in names:
                if folder.name == "contents" and re.fullmatch("[0-9a-f]{64}", name):
                    keys.add(name)
                else:
                    strays.append(str(Path(place, name)))
    return frozenset(keys), strays


def _wanted(*row: Any) -> Wanted:  # noqa: ANN401  a row of the database
    request_id, interaction_id, state, accepted_at_ms, take_count, prompt = row
    return Wanted(
        id=str(request_id),
        interaction_id=int(interaction_id),
        state=str(state),
        accepted=accepted_at_ms is not None,
        take_count=int(take_count),
        tag=_tag(str(prompt)),
    )


def _taken(*row: Any) -> Taken:  # noqa: ANN401  a row of the database
    take_id, request_id, state, generation_id, cost, clip = row
    return Taken(
        id=take_id, request_id=request_id, state=state, generation_id=generation_id, cost_usd_micros=cost, clip=clip
    )


def _made(row: GenerationView, take_of_file: Mapping[str, str]) -> Made:
    files = [urlsplit(one.url).path.split("/")[-2] for one in row.references if one.source == "url"]
    return Made(
        id=row.generation_id,
        status=row.status,
        cost_usd_micros=_micros(row.cost),
        tag=_tag(str(row.body.get("prompt"))),
        take_ids=frozenset(take_of_file.get(one, f"nobody's file {one}") for one in files),
        clip=None if row.result is None else row.result.sha256,
    )


def _take_of_file(messages: Sequence[Json]) -> dict[str, str]:
    """Attachment id → the take for which the bot posted it; the nonce of the post names it."""
    return {
        file_id: found[1]
        for one in messages
        if (found := _STAGED.match(str(one["nonce"])))
        for file_id in one["file_ids"]
    }


def _posted(message: Message) -> list[Posted]:
    found = _MARKER.search(message.text)
    if found is None:
        return []
    clips = tuple(one.sha256 for one in message.attachments if one.filename.endswith(".mp4"))
    offers_cancel = any(button.label == "Cancel" and not button.disabled for button in message.buttons)
    return [Posted(id=message.id, request_id=found[1], slot=found[2], clips=clips, offers_cancel=offers_cancel)]


def _micros(cost: Decimal | None) -> int | None:
    return None if cost is None else int(cost * 1_000_000)


def _tag(prompt: str) -> str:
    found = _TAG.search(prompt)
    return "" if found is None else found[0]
