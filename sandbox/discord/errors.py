"""Discord's refusals, by code (docs: topics/opcodes-and-status-codes)."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer that is not a success.

    `status` is HTTP's, `code` is Discord's, `errors` the form errors of 50035, `retry_after` seconds for a 429.
    """

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: dict[str, Any] | None = None,
        retry_after: float | None = None,
        is_global: bool = False,
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.retry_after = retry_after
        self.is_global = is_global

    @classmethod
    def invalid_form(cls, field: str, code: str, message: str) -> ApiError:
        """50035 with one field; a dotted `field` nests as on the wire."""
        errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
        for part in reversed(field.split(".")):
            errors = {part: errors}
        return cls(400, 50035, "Invalid Form Body", errors=errors)

    def body(self) -> dict[str, Any]:
        """The JSON that goes out."""
        if self.status == 429:
            return {"message": self.message, "retry_after": self.retry_after or 0.0, "global": self.is_global}
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        return body if self.errors is None else body | {"errors": self.errors}


class ControlError(Exception):
    """The person asked for something that cannot be done here; the text says why."""


def unauthorized() -> ApiError:
    return ApiError(401, 0, "401: Unauthorized")


def unknown_route() -> ApiError:
    return ApiError(404, 0, "404: Not Found")


def unknown_channel() -> ApiError:
    return ApiError(404, 10003, "Unknown Channel")


def unknown_guild() -> ApiError:
    return ApiError(404, 10004, "Unknown Guild")


def unknown_member() -> ApiError:
    return ApiError(404, 10007, "Unknown Member")


def unknown_message() -> ApiError:
    return ApiError(404, 10008, "Unknown Message")


def unknown_user() -> ApiError:
    return ApiError(404, 10013, "Unknown User")


def unknown_webhook() -> ApiError:
    return ApiError(404, 10015, "Unknown Webhook")


def unknown_interaction() -> ApiError:
    return ApiError(404, 10062, "Unknown interaction")


def unknown_command() -> ApiError:
    return ApiError(404, 10063, "Unknown application command")


def already_acknowledged() -> ApiError:
    return ApiError(400, 40060, "Interaction has already been acknowledged.")


def too_large() -> ApiError:
    return ApiError(413, 40005, "Request entity too large")


def missing_access() -> ApiError:
    return ApiError(403, 50001, "Missing Access")


def missing_permissions() -> ApiError:
    return ApiError(403, 50013, "Missing Permissions")


def not_your_message() -> ApiError:
    return ApiError(403, 50005, "Cannot edit a message authored by another user")


def empty_message() -> ApiError:
    return ApiError(400, 50006, "Cannot send an empty message")


def closed_dm() -> ApiError:
    return ApiError(403, 50007, "Cannot send messages to this user")


def not_a_text_channel() -> ApiError:
    return ApiError(400, 50008, "Cannot send messages in a non-text channel")


def expired_token() -> ApiError:
    # An interaction token past its life answers as a wrong webhook token does: 401/50027 (discord-api-docs issue 6851).
    return ApiError(401, 50027, "Invalid Webhook Token")


def thread_is_archived() -> ApiError:
    return ApiError(400, 50083, "Thread is archived")


def thread_exists() -> ApiError:
    return ApiError(400, 160004, "A thread has already been created for this message")


def thread_is_locked() -> ApiError:
    return ApiError(400, 160005, "Thread is locked")


def rate_limited(retry_after: float, *, is_global: bool = False) -> ApiError:
    return ApiError(429, 0, "You are being rate limited.", retry_after=retry_after, is_global=is_global)
