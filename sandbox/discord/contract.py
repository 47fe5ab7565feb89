"""Checking requests and answers against Discord's own OpenAPI file (its HTTP API; no gateway, no inbound payloads)."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match  # pyright: ignore[reportUnknownVariableType]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from sandbox.discord.wire import Json, object_or_empty

_ROOT = "urn:discord"


class Contract:
    """One validator per operation, made when first needed."""

    def __init__(self, path: Path) -> None:
        self._spec = cast("Json", json.loads(path.read_text(encoding="utf-8")))
        resource: Resource[Any] = Resource(contents=self._spec, specification=DRAFT202012)
        empty: Registry[Any] = Registry()
        self._registry = empty.with_resource(_ROOT, resource)
        self._templates = [(template, _pattern(template)) for template in cast("Json", self._spec["paths"])]
        # The most literal template wins: `@original` before `{message_id}`.
        self._templates.sort(key=lambda one: one[0].count("{"))
        self._validators: dict[str, Draft202012Validator] = {}

    def check_request(self, method: str, path: str, body: object) -> list[str]:
        """What is wrong with a request, in words; `path` is without `/api/v10`, `body` the JSON or None."""
        found = self._operation(method, path)
        if found is None:
            return ["this operation is not in Discord's OpenAPI"]
        template, operation = found
        content = object_or_empty(object_or_empty(operation.get("requestBody")).get("content"))
        if "application/json" not in content:
            return []
        if body is None:
            return ["a body is required"] if operation["requestBody"].get("required") else []
        pointer = _pointer("paths", template, method.lower(), "requestBody", "content", "application/json", "schema")
        return self._errors(pointer, _lenient(body))

    def check_answer(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with our own answer; only successes with a body are described well enough to check."""
        found = self._operation(method, path)
        if found is None or body is None:
            return []
        template, operation = found
        content = object_or_empty(object_or_empty(operation["responses"].get(str(status))).get("content"))
        if "application/json" not in content:
            return []
        pointer = _pointer(
            "paths", template, method.lower(), "responses", str(status), "content", "application/json", "schema"
        )
        return self._errors(pointer, body)

    def _operation(self, method: str, path: str) -> tuple[str, Json] | None:
        for template, pattern in self._templates:
            operations = cast("Json", self._spec["paths"][template])
            if method.lower() in operations and pattern.fullmatch(path):
                return template, cast("Json", operations[method.lower()])
        return None

    def _errors(self, pointer: str, body: object) -> list[str]:
        if pointer not in self._validators:
            schema = {"$ref": f"{_ROOT}#{pointer}"}
            self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        errors = list(self._validators[pointer].iter_errors(cast("Any", body)))  # pyright: ignore[reportUnknownMemberType]
        if not errors:
            return []
        # Untyped from here on in jsonschema.
        worst = cast("ValidationError", best_match(errors))  # pyright: ignore[reportUnknownArgumentType]
        where = "/".join(str(part) for part in worst.absolute_path)
        return [f"{where or '(body)'}: {worst.message[:300]}"]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in template.split("/")))


def _pointer(*parts: str) -> str:
    return "".join("/" + quote(part.replace("~", "~0").replace("/", "~1")) for part in parts)


def _lenient(body: object) -> object:
    """Snowflakes that discord.py sends as integers, where the file wants strings and Discord takes both.

    They are `attachments[].id` (the docs allow it) and `recipient_id` of a new DM.
    """
    lenient = object_or_empty(copy.deepcopy(body))
    if not lenient:
        return body
    if isinstance(lenient.get("recipient_id"), int):
        lenient["recipient_id"] = str(lenient["recipient_id"])
    for holder in (lenient, lenient.get("data"), lenient.get("message")):
        for one in _attachments(holder):
            if isinstance(one.get("id"), int):
                one["id"] = str(one["id"])
    return lenient


def _attachments(holder: object) -> list[Json]:
    found: object = object_or_empty(holder).get("attachments")
    if not isinstance(found, list):
        return []
    return [object_or_empty(one) for one in cast("list[object]", found)]
