"""Cards as a person reads them, as a click finds them, and as Discord's own schema takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bot.domain.custom_ids import BUTTON_TEMPLATE
from tests.fakes_delivery import OPENAPI

if TYPE_CHECKING:
    from bot import cards

_CHECKERS: list[Callable[[object], Iterator[Any]]] = []


def nodes(view: cards.Sheet) -> Iterator[dict[str, Any]]:
    """Every component of a view, depth first."""
    waiting: list[Any] = list(view.to_components())
    while waiting:
        node = waiting.pop(0)
        yield node
        waiting = [*node.get("components", []), *waiting]


def read(view: cards.Sheet) -> str:
    """What a person reads, with backslash escapes undone as Discord does."""
    parts = [str(node.get("content") or node.get("label") or "") for node in nodes(view)]
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", "\n".join(part for part in parts if part))


def texts(view: cards.Sheet) -> list[str]:
    """The texts as they are sent."""
    return [str(node["content"]) for node in nodes(view) if node["type"] == 10]


def buttons(view: cards.Sheet) -> list[str]:
    """The custom ids of its buttons."""
    return [node["custom_id"] for node in nodes(view) if node["type"] == 2]


def labelled(view: cards.Sheet) -> dict[str, str]:
    """What its buttons say → what they ask for: action and argument, without our prefix and the request's id."""
    found: dict[str, str] = {}
    for node in nodes(view):
        if node["type"] == 2:
            match = BUTTON_TEMPLATE.fullmatch(node["custom_id"])
            assert match is not None, node["custom_id"]
            found[node["label"]] = " ".join(part for part in (match["action"], match["argument"]) if part)
    return found


def units(view: cards.Sheet) -> int:
    """All its texts together, in UTF-16 units."""
    return sum(len(text.encode("utf-16-le")) // 2 for text in texts(view))


def schema_problems(view: cards.Sheet) -> list[str]:
    """What Discord's OpenAPI file has against a message with this view. Needs `OPENAPI`."""
    if not _CHECKERS:
        document = cast("Mapping[str, Any]", json.loads(OPENAPI.read_text(encoding="utf-8")))
        resource = Resource(contents=document, specification=DRAFT202012)
        registry: Registry[Any] = Registry[Any]().with_resource("urn:discord", resource)
        schema = {"$ref": "urn:discord#/components/schemas/MessageCreateRequest"}
        validator: Any = Draft202012Validator(schema, registry=registry)
        _CHECKERS.append(validator.iter_errors)
    payload: dict[str, object] = {"flags": 1 << 15, "components": view.to_components()}
    return [str(error.message)[:300] for error in _CHECKERS[0](payload)]
