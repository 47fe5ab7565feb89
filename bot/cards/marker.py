"""The small line that proves a message is ours, and whose."""

import re
from collections.abc import Iterable

from bot.domain.requests import RESULT_PREFIX

_MARKER = re.compile(
    rf"^-# `(?P<request_id>[0-9a-hjkmnp-tv-z]{{13}})` · (?P<slot>card|notice|callback|{RESULT_PREFIX}[0-9]+)$",
    re.MULTILINE,
)


def marker(request_id: str, slot: str) -> str:
    """The line to put on a post. Nobody else's words can make one: they are escaped where a line starts."""
    return f"-# `{request_id}` · {slot}"


def find_marker(texts: Iterable[str]) -> tuple[str, str] | None:
    """The request id and the slot that a message's texts carry, or `None`."""
    matches = (_MARKER.search(text) for text in texts)
    return next(((match["request_id"], match["slot"]) for match in matches if match), None)
