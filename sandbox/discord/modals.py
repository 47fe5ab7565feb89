"""Modals: what Discord takes as one, and a person's answers poured into it (docs: components/reference)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.discord import components
from sandbox.discord.cdn import Upload
from sandbox.discord.commands import Resolved
from sandbox.discord.errors import ApiError, ControlError
from sandbox.discord.wire import Json, as_object, as_objects, as_strings

MAX_TEXT = 4000
_IN_LABEL = components.SELECTS | {
    components.TEXT_INPUT,
    components.FILE_UPLOAD,
    components.RADIO_GROUP,
    components.CHECKBOX_GROUP,
    components.CHECKBOX,
}


def check(body: Json) -> None:
    """Raises 50035 for what Discord does not open as a modal."""
    rows = as_objects(body.get("components"), where="components")
    _between("title", body.get("title"), 1, 45)
    _between("custom_id", body.get("custom_id"), 1, 100)
    if not 1 <= len(rows) <= 5:
        raise ApiError.invalid_form("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for row in rows:
        _check_row(row)
    everything = list(components.walk(rows))
    for one in everything:
        components.check_one(one)
        _check_field(one)
    components.check_custom_ids(everything)


def _check_row(row: Json) -> None:
    match row.get("type"):
        case components.TEXT_DISPLAY:
            return
        case components.LABEL:
            _between("label", row.get("label"), 1, 45)
            _between("description", row.get("description"), 1, 100, optional=True)
            if as_object(row.get("component") or {}).get("type") not in _IN_LABEL:
                raise ApiError.invalid_form("components", "UNION_TYPE_CHOICES", "This component cannot be labelled")
        case components.ROW:
            if [one.get("type") for one in as_objects(row.get("components"))] != [components.TEXT_INPUT]:
                raise ApiError.invalid_form("components", "UNION_TYPE_CHOICES", "A row of a modal holds one text input")
        case _:
            raise ApiError.invalid_form("components", "UNION_TYPE_CHOICES", "Not a top-level component of a modal")


def _check_field(one: Json) -> None:
    """The rules of one field that hold in modals only."""
    match one.get("type"):
        case components.TEXT_INPUT:
            _between("value", one.get("value"), 0, MAX_TEXT, optional=True)
            _between("placeholder", one.get("placeholder"), 1, 100, optional=True)
            low, high = int(one.get("min_length") or 0), int(one.get("max_length") or MAX_TEXT)
            if not 0 <= low <= high <= MAX_TEXT:
                raise ApiError.invalid_form("max_length", "NUMBER_TYPE_MAX", "Lengths lie between 0 and 4000")
        case components.FILE_UPLOAD:
            components.check_counts(one, most=10)
        case components.RADIO_GROUP:
            components.check_options(one, low=2, high=10)
        case components.CHECKBOX_GROUP:
            components.check_options(one, low=1, high=10)
            components.check_counts(one, most=10)
        case _:
            return


def _between(name: str, value: object, low: int, high: int, *, optional: bool = False) -> None:
    if optional and value is None:
        return
    if not low <= len(str(value or "")) <= high:
        raise ApiError.invalid_form(name, "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")


def option_value(found: Json, value: str) -> str:
    """The value of the option that has this value or label. Raises ControlError."""
    options = as_objects(found.get("options"))
    for option in options:
        if value in {option["value"], option["label"]}:
            return str(option["value"])
    raise ControlError(f"no option {value!r}; there are: {[option['label'] for option in options]}")


def resolve_any(resolved: Resolved, kind: int, number: int) -> None:
    """Says what a chosen id means, by the kind of select. Raises ControlError."""
    if kind == components.CHANNEL_SELECT:
        resolved.add_channel(number)
    elif kind == components.ROLE_SELECT or (kind == components.MENTIONABLE_SELECT and number in resolved.world.roles):
        resolved.add_role(number)
    else:
        resolved.add_user(number)


@dataclass(slots=True, kw_only=True)
class ModalForm:
    """A person's answers, poured into a modal's components."""

    values: Mapping[str, object]
    files: Mapping[str, Sequence[Upload]]
    resolved: Resolved
    used: set[str] = field(default_factory=set[str])

    def fill(self, rows: list[Json]) -> list[Json]:
        filled: list[Json] = []
        for row in rows:
            match row.get("type"):
                case 1:
                    inner = [self._field(one, str(one.get("label", ""))) for one in as_objects(row["components"])]
                    filled.append({"type": 1, "id": row["id"], "components": inner})
                case 18:
                    inner_one = self._field(as_object(row["component"]), str(row.get("label", "")))
                    filled.append({"type": 18, "id": row["id"], "component": inner_one})
                case _:
                    filled.append({"type": row["type"], "id": row["id"]})
        return filled

    def check_all_used(self) -> None:
        if unknown := (set(self.values) | set(self.files)) - self.used:
            raise ControlError(f"the modal has no field {sorted(unknown)}")

    def _key(self, one: Json, label: str) -> str | None:
        for key in (str(one["custom_id"]), label):
            if key in self.values or key in self.files:
                self.used.add(key)
                return key
        return None

    def _field(self, one: Json, label: str) -> Json:
        key = self._key(one, label)
        head: Json = {"type": one["type"], "id": one["id"], "custom_id": one["custom_id"]}
        match one["type"]:
            case 4:
                return head | {"value": self._text(one, key, label)}
            case 19:
                return head | {"values": self._uploads(one, key, label)}
            case 21:
                chosen = self._chosen(one, key, label)
                return head | {"value": chosen[0] if chosen else None}
            case 23:
                return head | {"value": bool(self.values[key]) if key else bool(one.get("default"))}
            case _:
                return head | {"values": self._chosen(one, key, label)}

    def _text(self, one: Json, key: str | None, label: str) -> str:
        text = str(self.values[key]) if key else str(one.get("value") or "")
        low = int(one.get("min_length") or 0)
        if not text and one.get("required", True):
            raise ControlError(f"the field {label or one['custom_id']!r} is required")
        if text and not low <= len(text) <= int(one.get("max_length") or 4000):
            raise ControlError(f"the field {label or one['custom_id']!r} has a length out of bounds ({len(text)})")
        return text

    def _uploads(self, one: Json, key: str | None, label: str) -> list[str]:
        uploads: Sequence[Upload] = self.files.get(key, ()) if key else ()
        self._check_count(one, len(uploads), label)
        return [self.resolved.add_upload(upload) for upload in uploads]

    def _chosen(self, one: Json, key: str | None, label: str) -> list[str]:
        chosen = as_strings(self.values[key]) if key else []
        options = as_objects(one.get("options"))
        if not key:
            chosen = [str(option["value"]) for option in options if option.get("default")]
        self._check_count(one, len(chosen), label)
        if options:
            return [option_value(one, value) for value in chosen]
        for value in chosen:
            resolve_any(self.resolved, int(one["type"]), int(value))
        return chosen

    def _check_count(self, one: Json, count: int, label: str) -> None:
        required = bool(one.get("required", True))
        low = 1 if one.get("min_values") is None else int(one["min_values"])
        high = int(one.get("max_values") or (10 if one["type"] == components.CHECKBOX_GROUP else 1))
        if count == 0 and not required:
            return
        if not max(low, 1 if required else 0) <= count <= high:
            raise ControlError(f"the field {label or one['custom_id']!r} takes {low} to {high} values, not {count}")
