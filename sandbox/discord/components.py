"""Components: walking, checking, giving ids, reading as text (docs: components/reference)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, cast

from sandbox.discord.errors import ApiError
from sandbox.discord.wire import Json, as_object, as_objects

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8
SECTION, TEXT_DISPLAY, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 18, 19, 21, 22, 23

SELECTS = frozenset({STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT})
MAX_COMPONENTS, MAX_TEXT, MAX_ROWS = 40, 4000, 5
MAX_OPTIONS, MAX_LABEL, MAX_PLACEHOLDER = 25, 80, 150
LINK_STYLE = 5

_MODAL_ONLY = frozenset({TEXT_INPUT, LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX})

_V2_TOP = frozenset({ROW, SECTION, TEXT_DISPLAY, GALLERY, FILE, SEPARATOR, CONTAINER})
_CHILDREN = {
    ROW: frozenset({BUTTON, TEXT_INPUT}) | SELECTS,
    SECTION: frozenset({TEXT_DISPLAY}),
    CONTAINER: _V2_TOP - {CONTAINER},
}
_COUNTS = {ROW: (1, 5), SECTION: (1, 3), GALLERY: (1, 10), CONTAINER: (1, MAX_COMPONENTS)}


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component, depth first, parents before children."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        for key in ("accessory", "component"):
            if component.get(key):
                yield from walk([component[key]])


def media(component: Json) -> Iterator[Json]:
    """The media objects (`{"url": …}`) of one component."""
    match component.get("type"):
        case 11:
            yield as_object(component.get("media"))
        case 12:
            for item in as_objects(component.get("items")):
                yield item.get("media") or {}
        case 13:
            yield component.get("file") or {}
        case _:
            return


def check(components: list[Json], *, is_v2: bool) -> None:
    """Raises 50035 for what Discord refuses in a message's components."""
    everything = list(walk(components))
    if is_v2:
        _check_v2(components, everything)
    elif len(components) > MAX_ROWS or any(component.get("type") != ROW for component in components):
        raise ApiError.invalid_form(
            "components", "UNION_TYPE_CHOICES", "Only up to 5 action rows without the IS_COMPONENTS_V2 flag"
        )
    for component in everything:
        check_one(component)
        _check_in_message(component)
    check_custom_ids(everything)


def check_custom_ids(everything: list[Json]) -> None:
    """Raises 50035 when two components have the same one."""
    ids = [component["custom_id"] for component in everything if component.get("custom_id") is not None]
    if len(ids) != len(set(ids)):
        raise ApiError.invalid_form(
            "components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
        )


def _check_v2(components: list[Json], everything: list[Json]) -> None:
    if not components:
        raise ApiError.invalid_form("components", "BASE_TYPE_REQUIRED", "This field is required")
    if len(everything) > MAX_COMPONENTS:
        raise ApiError.invalid_form("components", "BASE_TYPE_MAX_LENGTH", "Must be 40 or fewer in length.")
    if sum(_length(component.get("content") or "") for component in everything) > MAX_TEXT:
        raise ApiError.invalid_form(
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            "The total displayable text exceeds 4000 characters",
        )
    if any(component.get("type") not in _V2_TOP for component in components):
        raise ApiError.invalid_form("components", "UNION_TYPE_CHOICES", "Not a top-level component")


def check_one(component: Json) -> None:
    """Raises 50035 for what is wrong with a component wherever it stands."""
    kind = component.get("type")
    children = cast("list[Json]", component.get("items" if kind == GALLERY else "components") or [])
    if kind in _COUNTS:
        low, high = _COUNTS[kind]
        if not low <= len(children) <= high:
            raise ApiError.invalid_form(
                "components", "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length."
            )
    if kind in _CHILDREN and any(child.get("type") not in _CHILDREN[kind] for child in children):
        raise ApiError.invalid_form("components", "UNION_TYPE_CHOICES", "This component cannot stand here")
    if kind == TEXT_DISPLAY and not component.get("content"):
        raise ApiError.invalid_form("components", "BASE_TYPE_REQUIRED", "A text display needs content")
    if kind == FILE and not str(as_object(component.get("file")).get("url")).startswith("attachment://"):
        raise ApiError.invalid_form("components", "FILE_COMPONENT_URL", "A file component takes attachment:// only")
    custom_id = component.get("custom_id")
    if custom_id is not None and not 1 <= len(str(custom_id)) <= 100:
        raise ApiError.invalid_form("components", "BASE_TYPE_BAD_LENGTH", "custom_id must be 1 to 100 characters")
    if kind in SELECTS:
        _check_select(component)
    if kind == BUTTON:
        _check_button(component)


def _length(text: str) -> int:
    """In UTF-16 units, which is what clients count in; Discord does not say, and this is the stricter reading."""
    return len(text.encode("utf-16-le")) // 2


def _check_button(component: Json) -> None:
    is_link = component.get("style") == LINK_STYLE
    if is_link != (component.get("url") is not None) or is_link == (component.get("custom_id") is not None):
        raise ApiError.invalid_form(
            "components", "BUTTON_COMPONENT_INVALID", "A link has a url, any other button a custom_id"
        )
    if not component.get("label") and not component.get("emoji"):
        raise ApiError.invalid_form("components", "BUTTON_COMPONENT_INVALID", "A button needs a label or an emoji")
    if len(component.get("label") or "") > MAX_LABEL:
        raise ApiError.invalid_form("components", "BASE_TYPE_MAX_LENGTH", "Must be 80 or fewer in length.")


def _check_select(component: Json) -> None:
    if not component.get("custom_id"):
        raise ApiError.invalid_form("components", "BASE_TYPE_REQUIRED", "A select needs a custom_id")
    if len(component.get("placeholder") or "") > MAX_PLACEHOLDER:
        raise ApiError.invalid_form("components", "BASE_TYPE_MAX_LENGTH", "Must be 150 or fewer in length.")
    check_counts(component, most=MAX_OPTIONS)
    if component["type"] == STRING_SELECT:
        check_options(component, low=1, high=MAX_OPTIONS)


def check_counts(component: Json, *, most: int) -> None:
    """`min_values` and `max_values` fit one another and `most`. Raises 50035."""
    low = 1 if component.get("min_values") is None else int(component["min_values"])
    high = 1 if component.get("max_values") is None else int(component["max_values"])
    if not (0 <= low <= most and 1 <= high <= most and low <= high):
        raise ApiError.invalid_form("components", "NUMBER_TYPE_MAX", f"0 ≤ min_values ≤ max_values ≤ {most}")


def check_options(component: Json, *, low: int, high: int) -> None:
    """The options of a select or group: how many, their texts, no value twice. Raises 50035."""
    options = as_objects(component.get("options"), where="options")
    if not low <= len(options) <= high:
        raise ApiError.invalid_form("options", "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")
    for option in options:
        texts = (option.get("label"), option.get("value"))
        if not all(1 <= len(str(text or "")) <= 100 for text in texts) or len(option.get("description") or "") > 100:
            raise ApiError.invalid_form("options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    values = [option["value"] for option in options]
    if len(values) != len(set(values)):
        raise ApiError.invalid_form(
            "options", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used"
        )
    if component["type"] == STRING_SELECT and int(component.get("max_values") or 1) > len(options):
        raise ApiError.invalid_form("max_values", "NUMBER_TYPE_MAX", "There are fewer options than that")


def _check_in_message(component: Json) -> None:
    """The rules of one component that hold in messages only."""
    kind = component.get("type")
    if kind in _MODAL_ONLY:
        raise ApiError.invalid_form("components", "UNION_TYPE_CHOICES", "This component stands in modals only")
    children = [child.get("type") for child in as_objects(component.get("components"))]
    if kind == ROW and len(children) > 1 and any(child in SELECTS for child in children):
        raise ApiError.invalid_form("components", "BASE_TYPE_MAX_LENGTH", "A select takes a whole row")
    if kind == SECTION and as_object(component.get("accessory") or {}).get("type") not in {BUTTON, THUMBNAIL}:
        raise ApiError.invalid_form("components", "BASE_TYPE_REQUIRED", "A section needs a button or a thumbnail")


def with_ids(components: list[Json]) -> list[Json]:
    """A copy as Discord keeps it: every component without an `id` got the next free one, defaults are filled in."""
    result = copy.deepcopy(components)
    for component in walk(result):
        _fill_defaults(component)
    taken = {int(component["id"]) for component in walk(result) if component.get("id")}
    next_id = 1
    for component in walk(result):
        if component.get("id"):
            continue
        while next_id in taken:
            next_id += 1
        component["id"] = next_id
        taken.add(next_id)
    return result


def _fill_defaults(component: Json) -> None:
    """What Discord's answers always have (its OpenAPI: required in the `*ComponentResponse` schemas)."""
    defaults: dict[int, Json] = {
        THUMBNAIL: {"description": None, "spoiler": False},
        FILE: {"spoiler": False},
        CONTAINER: {"accent_color": None, "spoiler": False},
        SEPARATOR: {"divider": True, "spacing": 1},
    }
    defaults |= {key: {"min_values": 1, "max_values": 1} for key in SELECTS}
    _set_defaults(component, defaults.get(int(component.get("type") or 0), {}))
    for item in as_objects(component.get("items")):
        _set_defaults(item, {"description": None, "spoiler": False})


def _set_defaults(target: Json, defaults: Json) -> None:
    for key, value in defaults.items():
        target.setdefault(key, value)


def resolved(components: list[Json], resolve: Callable[[str], Json | None]) -> list[Json]:
    """A copy whose media objects are what `resolve(url)` makes of them (None leaves one alone)."""
    result = copy.deepcopy(components)
    for component in walk(result):
        for item in media(component):
            found = resolve(str(item.get("url", "")))
            if found is None:
                continue
            item.update({key: value for key, value in found.items() if key not in {"name", "size"}})
            if component.get("type") == FILE:
                component["name"], component["size"] = found["name"], found["size"]
    return result


def references(components: list[Json]) -> set[str]:
    """The names after `attachment://` in all media objects."""
    urls = [str(item.get("url", "")) for component in walk(components) for item in media(component)]
    return {url.removeprefix("attachment://") for url in urls if url.startswith("attachment://")}


def text_of(components: list[Json]) -> list[str]:
    """All words a person would read, in order: texts, buttons, placeholders, options, alt texts."""
    lines: list[str] = []
    for component in walk(components):
        lines += [str(component[key]) for key in ("content", "label", "placeholder") if component.get(key)]
        if component.get("type") in {LABEL, THUMBNAIL} and component.get("description"):
            lines.append(str(component["description"]))
        options = cast("list[Json]", component.get("options") or [])
        lines += [str(option.get("label", "")) for option in options]
        items = cast("list[Json]", component.get("items") or [])
        lines += [str(item["description"]) for item in items if item.get("description")]
    return lines


def find(components: list[Json], *, custom_id: str | None, label: str | None) -> Json | None:
    """The first interactive component with this custom_id, or whose label or placeholder is `label`."""
    for component in walk(components):
        kind: Any = component.get("type")
        if kind != BUTTON and kind not in SELECTS:
            continue
        if custom_id is not None and component.get("custom_id") == custom_id:
            return component
        if label is not None and label in {component.get("label"), component.get("placeholder")}:
            return component
    return None
