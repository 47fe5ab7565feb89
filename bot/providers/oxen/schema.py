"""The live model record → `ModelSpec`. Fields, types, choices and prices are the record's alone (architecture 10)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.models import FieldSpec, FieldType, ModelSpec, Pricing
from bot.domain.prompts import PromptStyle
from bot.providers.oxen.body import ENVELOPE_FIELDS
from bot.providers.oxen.pinned import INPUT_FIELDS, Pinned, face_kinds
from bot.providers.oxen.values import as_list, as_object, as_text, usd_micros

_FILLED: Final = ("prompt", *INPUT_FIELDS.values(), "resolution", "duration", "aspect_ratio", "generate_audio")
"""The fields we fill always: a pinned file fits a record when these agree in presence and type.

Face fields are no part of it: without them, or with one alone, the files go where the others go.
"""

_TYPES: Final[Mapping[str, FieldType]] = {each.value: each for each in FieldType} | {"number": FieldType.INTEGER}
_LONGEST_RANGE: Final = 64
_Usd = Annotated[Decimal, Field(ge=0, le=1_000_000)]


class _Price(BaseModel):
    """`pricing` of a record, USD per output second (oxen.md 5, `MO` and `OAS`)."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    cost_per_second: _Usd | None = None
    cost_per_second_high_res: _Usd | None = None
    cost_per_second_with_audio: _Usd | None = None
    cost_per_second_by_resolution: dict[str, _Usd | None] | None = None


def spec_of(record: object, pinned: Sequence[Pinned]) -> ModelSpec:
    """The model as the record has it, completed from the pinned file that fits it, else from v1 (`pinned[0]`).

    A record without a usable schema leaves v1's fields (`live=False`) but still gives the price. `drift` names what
    differs from the pinned file that was used.
    """
    answer = as_object(record)
    schema = as_object(answer.get("request_schema")) or as_object(answer.get("json_request_schema"))
    fields, unknown = _fields(schema)
    price = pricing(answer.get("pricing"))
    if "prompt" not in fields:
        return replace(pinned[0].alone("the record has no usable request schema"), pricing=price)
    style = _style_in_prose(schema)
    nearest = _nearest(fields, style, pinned)
    return ModelSpec(
        id=nearest.model_id,
        schema_version=nearest.version,
        style=style or nearest.style,
        fields=fields,
        limits=nearest.limits_for(fields),
        pricing=price,
        live=True,
        drift=(*_drift(fields, style, nearest), *(f"{name}: of an unknown type" for name in unknown)),
        face_kinds=face_kinds(fields),
    )


def pricing(value: object) -> Pricing:
    """Micro-USD per second: by resolution where known; otherwise the dearest of the flat prices.

    Which of the flat prices wins (with audio, high resolution, plain) is not documented; a hold must not be below it.
    """
    try:
        price = _Price.model_validate(as_object(value))
    except ValidationError:
        return Pricing()
    flat = (price.cost_per_second_with_audio, price.cost_per_second_high_res, price.cost_per_second)
    known = [usd_micros(each) for each in flat if each is not None]
    by_resolution = price.cost_per_second_by_resolution or {}
    return Pricing(
        by_resolution={name: usd_micros(each) for name, each in by_resolution.items() if each is not None},
        otherwise=max(known, default=None),
    )


def _fields(schema: Mapping[str, object]) -> tuple[dict[str, FieldSpec], list[str]]:
    """The parameters that we can fill, by name, and the names of those whose type we do not know."""
    required = {name for name in as_list(schema.get("required")) if isinstance(name, str)}
    fields: dict[str, FieldSpec] = {}
    unknown: list[str] = []
    for name, value in as_object(schema.get("properties")).items():
        if name in ENVELOPE_FIELDS:
            continue
        field = _field(name, as_object(value), required=name in required)
        if field is None:
            unknown.append(name)
        else:
            fields[name] = field
    return fields, unknown


def _field(name: str, said: Mapping[str, object], *, required: bool) -> FieldSpec | None:
    kind = _known_type(said)
    if kind is None:
        return None
    default, max_items = said.get("default"), said.get("maxItems")
    return FieldSpec(
        name=name,
        type=kind,
        choices=tuple(_choices(said)),
        default=default if isinstance(default, str | int | bool) else None,
        required=required,
        max_items=max_items if isinstance(max_items, int) else None,
    )


def _known_type(said: Mapping[str, object]) -> FieldType | None:
    """The first type we know among `type`, a list of types (nullable), and the branches of `anyOf`."""
    types = [said.get("type"), *as_list(said.get("type"))]
    types += [as_object(branch).get("type") for branch in _branches(said)]
    return next((_TYPES[each] for each in types if isinstance(each, str) and each in _TYPES), None)


def _choices(said: Mapping[str, object]) -> Iterator[str | int]:
    """The enumeration, of the field or of its branches; else the whole of a short range of integers."""
    values = list(as_list(said.get("enum")))
    for branch in _branches(said):
        values += as_list(as_object(branch).get("enum"))
    low, high = said.get("minimum"), said.get("maximum")
    if not values and isinstance(low, int) and isinstance(high, int) and high - low <= _LONGEST_RANGE:
        values += range(low, high + 1)
    for value in values:
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield value


def _branches(said: Mapping[str, object]) -> Sequence[object]:
    return [*as_list(said.get("anyOf")), *as_list(said.get("oneOf"))]


def _style_in_prose(schema: Mapping[str, object]) -> PromptStyle | None:
    """The token style that the descriptions use; `None` when they use none or several.

    `x-media-references` is no witness: its pattern is a label (oxen.md 1.7).
    """
    properties = as_object(schema.get("properties")).values()
    prose = " ".join(as_text(as_object(each).get("description")) for each in properties)
    styles = [style for style in PromptStyle if style.value in prose]
    return styles[0] if len(styles) == 1 else None


def _nearest(fields: Mapping[str, FieldSpec], style: PromptStyle | None, pinned: Sequence[Pinned]) -> Pinned:
    fitting = [each for each in pinned if _shape(each.fields, _FILLED) == _shape(fields, _FILLED)]
    if not fitting:
        return pinned[0]
    return min(reversed(fitting), key=lambda each: (_distance(fields, each), style not in {None, each.style}))


def _shape(fields: Mapping[str, FieldSpec], names: Sequence[str]) -> list[FieldType | None]:
    return [fields[name].type if name in fields else None for name in names]


def _distance(fields: Mapping[str, FieldSpec], pinned: Pinned) -> int:
    """How many fields are in one of the two only."""
    return len(fields.keys() ^ pinned.fields.keys())


def _drift(fields: Mapping[str, FieldSpec], style: PromptStyle | None, pinned: Pinned) -> Iterator[str]:
    for name in sorted(pinned.fields.keys() - fields.keys()):
        yield f"{name}: gone"
    for name in sorted(fields.keys() - pinned.fields.keys()):
        yield f"{name}: new" + (", required" if fields[name].required else "")
    for name in sorted(fields.keys() & pinned.fields.keys()):
        yield from _changes(pinned.fields[name], fields[name])
    if style not in {None, pinned.style}:
        yield f"tokens: {pinned.style.value} -> {style}"


def _changes(before: FieldSpec, after: FieldSpec) -> Iterator[str]:
    """The order of choices says nothing, nor does silence about a limit (decision 10: then the pinned one holds)."""
    if before.type is not after.type:
        yield f"{before.name}: type {before.type} -> {after.type}"
    if set(before.choices) != set(after.choices):
        yield f"{before.name}: choices {_listed(before)} -> {_listed(after)}"
    if before.default != after.default:
        yield f"{before.name}: default {before.default} -> {after.default}"
    if before.required is not after.required:
        yield f"{before.name}: required {before.required} -> {after.required}"
    if after.max_items not in {None, before.max_items}:
        yield f"{before.name}: max_items {before.max_items} -> {after.max_items}"


def _listed(field: FieldSpec) -> str:
    return ", ".join(map(str, field.choices)) or "anything"
