"""Bodies exactly as Oxen documents them."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.oxen.generations import Generation, Status
from sandbox.oxen.schemas import ENVELOPE

Body = dict[str, Any]
LinkOf = Callable[[Generation], str]


def problem(kind: str, title: str, detail: str | None = None, *, old: bool = False) -> Body:
    """The first error format [D]; the contract of 2026-04-14 lacks `status_message`."""
    error = {"type": kind, "title": title} | ({} if detail is None else {"detail": detail})
    body: Body = {"error": error, "status": "error"}
    return body if old else body | {"status_message": kind}


def message(text: str) -> Body:
    """The second error format [D]."""
    return {"error": {"message": text}}


def invalid(detail: str) -> Body:
    """Title [D]."""
    return problem("invalid_params", "Invalid parameters supplied, please check your request and try again.", detail)


def unauthenticated() -> Body:
    """Type [D], title [C]."""
    return problem("unauthenticated", "You must be authenticated to perform this action.")


def out_of_credits() -> Body:
    """With HTTP 402 [C]."""
    return problem("insufficient_credits", "You have run out of credits.")


def not_found(*, old: bool = False) -> Body:
    """[D]; title without a full stop, as documented."""
    return problem("resource_not_found", "The requested resource could not be found", old=old)


def rate_limited() -> Body:
    """[C]."""
    return {"status_message": "rate_limited"}


def accepted(generations: list[Generation], *, old: bool) -> Body:
    """The answer of `POST /queue`: HTTP 200, one entry a generation [D]."""
    status = "processing" if old else "queued"
    return {"generations": [{"generation_id": row.id, "status": status} for row in generations]}


def queue_row(row: Generation, link: LinkOf, *, old: bool) -> Body:
    """A row of the queue routes: the documented keys with the request's own parameters merged in at the top [D]."""
    return _old_row(row) if old else _row(row, link)


def history_row(row: Generation, link: LinkOf, username: str) -> Body:
    """A row of `/generations`: the queue's row, its cost and its user [D OAS]."""
    cost = None if row.cost is None else str(row.cost)
    return _row(row, link) | {"cost": cost, "user_id": None, "username": username, "user_image": None}


def completion(row: Generation, link: LinkOf) -> Body:
    """The data of `media_generation_completed`: keys differ from the queue's rows [D]."""
    head: Body = {"generation_id": row.id, "status": row.status.value, "media_type": "video"}
    if row.status is Status.FAILED:
        return head | {"error": row.error_message}
    return head | {"model": row.body["model"], "url": None if row.hides_result else link(row)}


def _row(row: Generation, link: LinkOf) -> Body:
    shows_link = row.status is Status.SUCCEEDED and not row.hides_result
    return _parameters(row.body) | {
        "generation_id": row.id,
        "model_name": row.body["model"],
        "prompt": row.body.get("prompt"),
        "media_type": "video",
        "status": (row.shown_status if row.active else None) or row.status.value,
        "result_url": link(row) if shows_link else None,
        "error_message": row.error_message,
        "enqueued_at": _seconds(row.enqueued_at_ms),
        "started_at": _seconds(row.started_at_ms),
        "completed_at": _seconds(row.completed_at_ms),
        "target_namespace": row.body.get("target_namespace"),
        "target_repo": row.body.get("target_repo"),
        "target_directory": row.body.get("target_directory"),
    }


def _old_row(row: Generation) -> Body:
    """2026-04-14: no `status`, `model` instead of `model_name` [D]; that the other keys were missing too is [I]."""
    return _parameters(row.body) | {
        "generation_id": row.id,
        "model": row.body["model"],
        "prompt": row.body.get("prompt"),
        "media_type": "video",
        "enqueued_at": _seconds(row.enqueued_at_ms),
    }


def _parameters(body: Mapping[str, Any]) -> Body:
    return {name: value for name, value in body.items() if name not in ENVELOPE}


def _seconds(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // 1000
