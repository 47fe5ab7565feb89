"""A long line in a moment: rows written by the database itself, as entering one by one would have left them."""

from typing import Final

from sqlalchemy import Connection, text

_REQUESTS: Final = """
INSERT INTO requests (id, version, state, interaction_id, guild_id, channel_id, channel_kind, upload_limit_bytes,
    person_id, person_name, written_prompt, offers, parameters, take_count, created_at_ms, findings, attempts,
    accepted_seq, cost, lane_state)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :waiting)
SELECT substr('0000000000000' || i, length('0000000000000' || i) - 12), 1, 'queued', i,
    CASE WHEN i % 10 < 3 THEN 0 ELSE i % :guilds END, 1, 'text', 1,
    i % 37, 'somebody', 'a boat at dusk', '[]', '{}', 1, 0, '[]', 0, i, 5 + i % 3, 1
FROM n
"""
"""Three in ten are one guild's."""
_PEOPLE: Final = """
INSERT INTO lane_people (guild_id, person_id, weight, max_running, running, ready, blocked, tag, credit, picked,
    head_id, head_seq, head_priority, head_cost)
SELECT guild_id, person_id, 1, NULL, 0, count(*), false, 0, 0, 0, min(id), min(accepted_seq), 0, 5
FROM requests GROUP BY guild_id, person_id
"""
_HEADS: Final = """
UPDATE lane_people SET head_cost = (SELECT cost FROM requests WHERE id = head_id)
"""
_LANES: Final = """
INSERT INTO lanes (guild_id, weight, max_running, person_max_running, first_come, ageing_ms, running, eligible, tag,
    clock)
SELECT guild_id, 1, 2147483647, 2147483647, false, 0, 0, count(*), 0, 0 FROM lane_people GROUP BY guild_id
"""


def fill(connection: Connection, *, waiting: int, guilds: int) -> None:
    """`waiting` requests of 37 people in each of so many guilds."""
    connection.execute(text(_REQUESTS), {"waiting": waiting, "guilds": guilds})
    for statement in (_PEOPLE, _HEADS, _LANES, "ANALYZE"):
        connection.execute(text(statement))
