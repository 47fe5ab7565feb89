"""What happened on the wire, for tests: requests, contract violations, routes we lack. Never bodies or tokens."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from dataclasses import asdict, dataclass, field

from sandbox.discord.wire import Json
from sandbox.discord.world import Created, World


@dataclass(slots=True, kw_only=True)
class Request:
    """One answered request; `seconds` is how long it took, `nonce` what the body carried."""

    at: float
    method: str
    path: str
    status: int
    seconds: float
    nonce: str | None = None
    code: int | None = None
    fault: str | None = None


@dataclass(slots=True, kw_only=True)
class Journal:
    """`violations` are the client's, `own_violations` are answers of ours that Discord's file does not allow."""

    requests: deque[Request] = field(default_factory=lambda: deque[Request](maxlen=100_000))
    violations: list[Json] = field(default_factory=list[Json])
    own_violations: list[Json] = field(default_factory=list[Json])
    unimplemented: Counter[str] = field(default_factory=Counter[str])
    crashes: list[Json] = field(default_factory=list[Json])

    def clear(self) -> None:
        self.requests.clear()
        self.violations.clear()
        self.own_violations.clear()
        self.unimplemented.clear()
        self.crashes.clear()


def without_token(path: str) -> str:
    """A path with its interaction token taken out."""
    return re.sub(r"(/(?:webhooks|interactions)/\d+)/[^/]+", r"\1/…", path)


def report(journal: Journal, world: World, *, checked: bool) -> Json:
    """Everything, as JSON. `contract_checked` is False when no OpenAPI file was given."""
    statuses = Counter(str(one.status) for one in journal.requests)
    return {
        "contract_checked": checked,
        "violations": journal.violations,
        "own_violations": journal.own_violations,
        "unimplemented": dict(journal.unimplemented),
        "crashes": journal.crashes,
        "requests": [asdict(one) for one in journal.requests],
        "counts": {"requests": len(journal.requests), "by_status": dict(statuses), "messages": len(world.created)},
        "messages": [_created(one) for one in world.created if one.by_bot],
        "doubled": doubled([one for one in world.created if one.by_bot]),
    }


def _created(one: Created) -> Json:
    message = one.message
    return {
        "id": str(message.id),
        "channel_id": str(message.channel_id),
        "nonce": message.nonce,
        "ephemeral": message.ephemeral_for is not None,
        "interaction": message.interaction is not None,
        "deleted": message.deleted,
        "edits": message.edit_count,
        "files": [file.filename for file in message.files],
        "file_ids": [str(file.id) for file in message.files],
        "fingerprint": message.fingerprint,
        "created_at": message.created_at,
    }


def doubled(created: list[Created]) -> list[Json]:
    """Posts that stand twice in one channel: same nonce, same files, or same words.

    Messages that were deleted and ephemeral ones do not count. `why` is "nonce", "files" or "text"; equal words may be
    right (two requests, one greeting), equal nonces and files hardly are.
    """
    groups: defaultdict[tuple[str, int, str], list[str]] = defaultdict(list)
    for one in created:
        message = one.message
        if message.deleted or message.ephemeral_for is not None:
            continue
        if message.nonce is not None:
            groups["nonce", message.channel_id, str(message.nonce)].append(str(message.id))
        if message.files:
            hashes = ",".join(sorted(file.sha256 for file in message.files))
            groups["files", message.channel_id, hashes].append(str(message.id))
        elif message.fingerprint:
            groups["text", message.channel_id, message.fingerprint].append(str(message.id))
    return [
        {"why": why, "channel_id": str(channel_id), "message_ids": ids}
        for (why, channel_id, _), ids in groups.items()
        if len(ids) > 1
    ]
