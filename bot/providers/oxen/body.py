"""Neutral values → the schema's fields, and what tells two bodies apart. Pure.

The schema is data: one table says which neutral value fills which field and how "leave it to the model" is spelt.
Every value is sent explicitly, because defaults changed unannounced (audio true → false, aspect auto → 16:9).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from bot.domain.errors import Refused
from bot.domain.generations import Material, PreparedBody, Submission
from bot.domain.media import Kind
from bot.domain.models import FieldSpec, FieldType, ModelSpec
from bot.domain.reasons import Reason, reason
from bot.domain.requests import Parameters
from bot.domain.words import listed
from bot.providers.oxen.pinned import FACE_FIELDS, INPUT_FIELDS
from bot.providers.oxen.values import as_list

ENVELOPE_FIELDS: Final = frozenset(
    {"model", "num_generations", "target_namespace", "target_repo", "target_directory", "response_format"}
)
"""Fields of the queue's request itself: never a parameter of the model, whatever its schema lists."""

_Value = str | int | bool
_AUTO_DURATIONS: Final = ("auto", -1)
_AUTO_ASPECTS: Final = ("auto", "adaptive")


def prepare(spec: ModelSpec, submission: Submission, *, namespace: str | None = None) -> PreparedBody:
    """The body of `POST /queue` for one generation.

    Raises `Refused` with everything that the schema does not offer: parameter-not-offered, kind-not-accepted,
    too-many-of-kind. What it has no field for is left out and named in `dropped` (seed, audio, resolution …).
    """
    prompt = submission.prompt.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be sent
    body: dict[str, object] = {"model": submission.model_id, "num_generations": 1, "prompt": prompt}
    if namespace:
        body["target_namespace"] = namespace
    refusals, dropped = _fill_parameters(body, spec, submission.parameters)
    refusals += _fill_materials(body, spec, submission.materials)
    if refusals:
        raise Refused(*refusals)
    _fill_constants(body, spec)
    return PreparedBody(body=body, fingerprint=fingerprint(body), dropped=tuple(dropped))


def fingerprint(body: Mapping[str, object]) -> str:
    """SHA-256 (hex) of the body as the vendor's echo shows it: URLs without their signatures, data URIs left out.

    Two takes with URLs of their own differ by path; two with the same words and parameters and no URLs are equal.
    """
    bare = {name: value for name, value in body.items() if not is_material_field(name)} | material_urls(body)
    canonical = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def is_material_field(name: str) -> bool:
    """True for the fields that hold references, such as `input_images` or `input_face_videos`."""
    return name.startswith("input_")


def material_urls(fields: Mapping[str, object]) -> dict[str, list[str]]:
    """Field → its URLs as they can be compared (`https://host/path`). Data URIs: whether they are echoed is unknown."""
    found = {name: [_bare(url) for url in _urls(fields[name])] for name in fields if is_material_field(name)}
    return {name: urls for name, urls in found.items() if urls}


def _urls(value: object) -> list[str]:
    items = as_list(value) or (value,)
    return [item for item in items if isinstance(item, str) and not item.startswith("data:")]


def _bare(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # what the vendor echoes need not be a URL
        return url
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


def _fill_parameters(
    body: dict[str, object], spec: ModelSpec, parameters: Parameters
) -> tuple[list[Reason], list[str]]:
    refusals: list[Reason] = []
    dropped: list[str] = []
    for name, field_name, spellings in _wanted(parameters):
        field = spec.fields.get(field_name)
        if field is None:
            dropped += [name] if spellings[0] != "auto" else []
        elif (value := _spelt(field, spellings)) is None:
            refusals.append(_not_offered(name, spellings[0], field))
        else:
            body[field_name] = value
    return refusals, dropped


def _wanted(parameters: Parameters) -> Iterator[tuple[str, str, Sequence[_Value]]]:
    """(neutral name, field, the value in every spelling a schema may use, the neutral one first)."""
    seconds, aspect = parameters.duration_seconds, parameters.aspect_ratio
    yield "resolution", "resolution", (parameters.resolution,)
    yield "duration", "duration", _AUTO_DURATIONS if seconds is None else (seconds,)
    yield "aspect_ratio", "aspect_ratio", _AUTO_ASPECTS if aspect == "auto" else (aspect,)
    yield "audio", "generate_audio", (parameters.audio,)
    if parameters.seed is not None:
        yield "seed", "seed", (parameters.seed,)


def _spelt(field: FieldSpec, spellings: Sequence[_Value]) -> _Value | None:
    """The value as the field writes it: a choice that reads the same, else the first spelling of its type."""
    if field.choices:
        wanted = {str(spelling) for spelling in spellings}
        return next((choice for choice in field.choices if str(choice) in wanted), None)
    typed = (_typed(field.type, spelling) for spelling in spellings)
    return next((value for value in typed if value is not None), None)


def _typed(field_type: FieldType, value: _Value) -> _Value | None:
    if field_type is FieldType.STRING:
        return str(value).lower() if isinstance(value, bool) else str(value)
    if field_type is FieldType.BOOLEAN:
        return value if isinstance(value, bool) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _not_offered(name: str, value: _Value, field: FieldSpec) -> Reason:
    offered = ["auto" if choice in {"auto", "adaptive", -1} else str(choice) for choice in field.choices]
    return reason("parameter-not-offered", name=name, value=str(value), choices=", ".join(offered) or field.type.value)


def _fill_materials(body: dict[str, object], spec: ModelSpec, materials: Sequence[Material]) -> list[Reason]:
    refusals: list[Reason] = []
    for kind in INPUT_FIELDS:
        of_kind = [material for material in materials if material.kind is kind]
        if refused := _count_reason(spec, kind, len(of_kind)):
            refusals.append(refused)
            continue
        parts = _parts(spec, kind, of_kind)
        refusals += _part_reasons(spec, kind, parts)
        body |= {field.name: urls for field, urls in parts}
    return refusals


def _count_reason(spec: ModelSpec, kind: Kind, count: int) -> Reason | None:
    """Why so many of a kind cannot be sent, into whatever fields they go."""
    field, limits = spec.fields.get(INPUT_FIELDS[kind]), spec.limits.kinds.get(kind)
    if count and (field is None or limits is None):
        return reason("kind-not-accepted", name=spec.style.token(kind, 1), kind=kind.value)
    if limits is not None and count > limits.max_count:
        return _too_many(spec, kind, range(1, count + 1), limit=limits.max_count)
    return None


_Parts = Sequence[tuple[FieldSpec, list[str]]]
"""The fields of a kind in the order in which the vendor numbers their files (face-containing media first)."""


def _parts(spec: ModelSpec, kind: Kind, materials: Sequence[Material]) -> _Parts:
    """The URLs by field. Those that show a person go to the field for faces, where there is one."""
    split = kind in spec.face_kinds
    faces = [material.url for material in materials if split and material.shows_person]
    others = [material.url for material in materials if not (split and material.shows_person)]
    named = ((FACE_FIELDS.get(kind, ""), faces), (INPUT_FIELDS[kind], others))
    return [(spec.fields[name], urls) for name, urls in named if urls]


def _part_reasons(spec: ModelSpec, kind: Kind, parts: _Parts) -> Iterator[Reason]:
    first = 1
    for field, urls in parts:
        if field.max_items is not None and len(urls) > field.max_items:
            yield _too_many(spec, kind, range(first, first + len(urls)), limit=field.max_items)
        first += len(urls)


def _too_many(spec: ModelSpec, kind: Kind, numbers: range, *, limit: int) -> Reason:
    count, tokens = len(numbers), listed([spec.style.token(kind, number) for number in numbers])
    return reason("too-many-of-kind", count=count, kind=kind.value, names=tokens, limit=limit, surplus=count - limit)


def _fill_constants(body: dict[str, object], spec: ModelSpec) -> None:
    """No watermark; and a required field that is new to us gets the default it documents."""
    if "watermark" in spec.fields:
        body["watermark"] = False
    for name, field in spec.fields.items():
        if field.required and field.default is not None:
            body.setdefault(name, field.default)
