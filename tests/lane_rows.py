"""Requests as the lanes' tests need them: a row with a number in the order of acceptance, and what moves do to it."""

from typing import Final

from sqlalchemy import Connection, insert, update

from bot.queue.tables import requests

_REST: Final = {
    "version": 1,
    "channel_id": 1,
    "channel_kind": "text",
    "upload_limit_bytes": 1,
    "written_prompt": "a boat",
    "offers": "[]",
    "parameters": "{}",
    "take_count": 1,
    "created_at_ms": 0,
    "findings": "[]",
    "attempts": 0,
}


def add_queued(connection: Connection, request_id: str, seq: int, *, guild: int, person: int) -> None:
    """A request that was just accepted."""
    row = {
        "id": request_id,
        "interaction_id": seq,
        "accepted_seq": seq,
        "guild_id": guild,
        "person_id": person,
        "person_name": f"P{person}",
        "state": "queued",
    }
    connection.execute(insert(requests).values({**_REST, **row}))


def move(connection: Connection, request_id: str, state: str) -> None:
    connection.execute(update(requests).where(requests.c.id == request_id).values(state=state))
