"""Small helpers for JSON that came from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

from sandbox.discord.errors import ApiError

Json: TypeAlias = dict[str, Any]


def as_object(value: object, *, where: str = "body") -> Json:
    """`value` as a JSON object; anything else is Discord's 50035."""
    if not isinstance(value, dict):
        raise ApiError.invalid_form(where, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    return cast("Json", value)


def object_or_empty(value: object) -> Json:
    """`value` if it is a JSON object, else an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def as_objects(value: object, *, where: str = "body") -> list[Json]:
    """`value` as a list of JSON objects; null is the empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ApiError.invalid_form(where, "LIST_TYPE_CONVERT", "Only lists may be used in a ListType")
    return [as_object(item, where=where) for item in cast("list[object]", value)]


def as_strings(value: object) -> list[str]:
    """`value` as a list of strings; null is the empty list, a scalar a list of one."""
    if value is None:
        return []
    if isinstance(value, list):
        return [str(item) for item in cast("list[object]", value)]
    return [str(value)]


def as_id(value: object, *, where: str = "id") -> int:
    """A snowflake given as string or integer."""
    try:
        return int(str(value))
    except ValueError:
        raise ApiError.invalid_form(where, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.') from None


def stamp(seconds: float) -> str:
    """Unix seconds as Discord writes a time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
