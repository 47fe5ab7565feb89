"""Faults on command: what a network or Discord may do to a request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sandbox.discord.errors import ControlError
from sandbox.discord.wire import Json


class Kind(StrEnum):
    """STATUS and DROP hit before anything happened, their *_AFTER_COMMIT twins when it all has; DELAY is only slow."""

    STATUS = "status"
    STATUS_AFTER_COMMIT = "status_after_commit"
    DROP = "drop"
    DROP_AFTER_COMMIT = "drop_after_commit"
    DELAY = "delay"
    DELAY_AFTER_COMMIT = "delay_after_commit"
    RATE_LIMIT = "429"


@dataclass(slots=True, kw_only=True)
class Fault:
    """Strikes the next `times` requests of `method` (`*` for all) whose path (no `/api/v10`) matches `path_regex`."""

    kind: Kind
    method: str = "*"
    path_regex: str = ".*"
    times: int = 1
    status: int = 500
    code: int = 0
    message: str = "injected"
    seconds: float = 1.0
    is_global: bool = False
    struck: int = 0

    @classmethod
    def parse(cls, body: Json) -> Fault:
        """From the control API. Raises ControlError for unknown keys or kinds."""
        known = {"kind", "method", "path_regex", "times", "status", "code", "message", "seconds", "is_global"}
        if unknown := set(body) - known:
            raise ControlError(f"a fault has no {sorted(unknown)}; there are: {sorted(known)}")
        try:
            kind = Kind(str(body.get("kind")))
            re.compile(str(body.get("path_regex", "")))
        except (ValueError, re.error) as error:
            raise ControlError(f"{error}; kinds: {[str(one) for one in Kind]}") from error
        wanted: Json = body | {"kind": kind}
        return cls(**wanted)

    def strikes(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in {"*", method} and re.search(self.path_regex, path) is not None


class Faults:
    """The waiting faults, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, used once."""
        for fault in self._faults:
            if fault.strikes(method, path):
                fault.times -= 1
                fault.struck += 1
                return fault
        return None

    def describe(self) -> list[Json]:
        return [
            {
                "kind": str(one.kind),
                "method": one.method,
                "path_regex": one.path_regex,
                "times_left": one.times,
                "struck": one.struck,
            }
            for one in self._faults
        ]
