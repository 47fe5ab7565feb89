"""The pinned model files, `config/models/<model id>.<version>.toml`: what we know without asking the vendor."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveInt,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from bot.domain.media import Kind
from bot.domain.models import FieldSpec, FieldType, KindLimits, ModelLimits, ModelSpec
from bot.domain.prompts import PromptStyle

T = TypeVar("T")

BASE_VERSION: Final = "v1"
"""The version the product was specified from: others are completed from it."""

INPUT_FIELDS: Final[Mapping[Kind, str]] = {
    Kind.IMAGE: "input_images",
    Kind.VIDEO: "input_videos",
    Kind.AUDIO: "input_audios",
}
FACE_FIELDS: Final[Mapping[Kind, str]] = {Kind.IMAGE: "input_face_images", Kind.VIDEO: "input_face_videos"}
"""Fields of their own for files that show a real person, in the schemas that have them (oxen.md 0)."""


class PinnedError(Exception):
    """A pinned file is missing or wrong: the deployment cannot start."""


class _Strict(BaseModel):
    """Unknown keys are refused: a misspelt limit must not become no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Field(_Strict):
    name: str
    type: FieldType
    choices: tuple[StrictInt | StrictStr, ...] = ()
    default: StrictBool | StrictInt | StrictStr | None = None
    required: bool = False
    max_items: PositiveInt | None = None

    def spec(self) -> FieldSpec:
        return FieldSpec(**self.model_dump())


class _KindLimits(_Strict):
    """Everything is optional here; what a version leaves out is v1's. Names are those of `KindLimits`."""

    max_count: NonNegativeInt | None = None
    formats: tuple[str, ...] | None = None
    max_bytes_each: PositiveInt | None = None
    max_bytes_together: PositiveInt | None = None
    min_seconds_together: float | None = None
    max_seconds_together: float | None = None
    min_area_pixels: PositiveInt | None = None
    max_area_pixels: PositiveInt | None = None


class _Limits(_Strict):
    image: _KindLimits = _KindLimits()
    video: _KindLimits = _KindLimits()
    audio: _KindLimits = _KindLimits()
    max_files: PositiveInt | None = None
    max_prompt_characters: PositiveInt | None = None
    audio_needs_visual: bool | None = None

    def of(self, kind: Kind) -> _KindLimits:
        return {Kind.IMAGE: self.image, Kind.VIDEO: self.video, Kind.AUDIO: self.audio}[kind]


class PinnedFile(_Strict):
    """One file as written. `face_slots` must agree with the fields, so that neither is forgotten in an edit."""

    model_id: str
    schema_version: str
    token_style: PromptStyle
    face_slots: bool
    limits: _Limits
    fields: tuple[_Field, ...]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [field.name for field in self.fields]
        if len(set(names)) != len(names):
            raise ValueError("a field is named twice")
        if self.face_slots != bool(set(FACE_FIELDS.values()) & set(names)):
            raise ValueError("face_slots disagrees with the fields")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One version, completed: its own words first, v1's where it is silent."""

    model_id: str
    version: str
    style: PromptStyle
    fields: Mapping[str, FieldSpec]
    kinds: Mapping[Kind, KindLimits]
    max_files: int
    max_prompt_characters: int
    audio_needs_visual: bool

    def limits_for(self, live_fields: Mapping[str, FieldSpec]) -> ModelLimits:
        """The limits beside those fields.

        Output seconds are the numbers among the choices of `duration`; a kind whose field is absent is not taken.
        """
        seconds = _offered_seconds(live_fields) or _offered_seconds(self.fields)
        return ModelLimits(
            kinds={
                kind: replace(self.kinds[kind], max_count=_max_count(field, self.kinds[kind]))
                for kind, name in INPUT_FIELDS.items()
                if (field := live_fields.get(name))
            },
            max_files=self.max_files,
            max_prompt_characters=self.max_prompt_characters,
            audio_needs_visual=self.audio_needs_visual,
            min_seconds=min(seconds),
            max_seconds=max(seconds),
        )

    def alone(self, *drift: str) -> ModelSpec:
        """The model as pinned, with an unknown price: for when no live record can be had."""
        return ModelSpec(
            id=self.model_id,
            schema_version=self.version,
            style=self.style,
            fields=self.fields,
            limits=self.limits_for(self.fields),
            drift=drift,
            face_kinds=face_kinds(self.fields),
        )


def face_kinds(fields: Mapping[str, FieldSpec]) -> frozenset[Kind]:
    """The kinds that are taken and have, besides, a list for files that show a real person."""
    lists = {name for name, field in fields.items() if field.type is FieldType.ARRAY}
    return frozenset(kind for kind, name in FACE_FIELDS.items() if name in lists and INPUT_FIELDS[kind] in fields)


def load_pinned(directory: Path, model_id: str) -> tuple[Pinned, ...]:
    """Every pinned version of the model, v1 first. Raises `PinnedError` when v1 is missing or a file is wrong."""
    files = sorted((_read(path) for path in directory.glob(f"{model_id}.v*.toml")), key=_version_number)
    strangers = [file.model_id for file in files if file.model_id != model_id]
    if strangers or not files or files[0].schema_version != BASE_VERSION:
        raise PinnedError(f"{directory} has no usable {model_id}.{BASE_VERSION}.toml")
    return tuple(_completed(file, files[0]) for file in files)


def _read(path: Path) -> PinnedFile:
    try:
        file = PinnedFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # TOML's and pydantic's errors are ValueErrors
        raise PinnedError(f"{path}: {error}") from error
    if not path.name.endswith(f".{file.schema_version}.toml"):
        raise PinnedError(f"{path}: says it is {file.schema_version}")
    return file


def _version_number(file: PinnedFile) -> int:
    digits = file.schema_version.removeprefix("v")
    if not digits.isdecimal():
        raise PinnedError(f"schema_version {file.schema_version!r} is not v and a number")
    return int(digits)


def _completed(file: PinnedFile, base: PinnedFile) -> Pinned:
    own, fallback = file.limits, base.limits
    return Pinned(
        model_id=file.model_id,
        version=file.schema_version,
        style=file.token_style,
        fields={field.name: field.spec() for field in file.fields},
        kinds={kind: _kind_limits(own.of(kind), fallback.of(kind)) for kind in Kind},
        max_files=_said("max_files", own.max_files, fallback.max_files),
        max_prompt_characters=_said("max_prompt_characters", own.max_prompt_characters, fallback.max_prompt_characters),
        audio_needs_visual=_said("audio_needs_visual", own.audio_needs_visual, fallback.audio_needs_visual),
    )


def _kind_limits(own: _KindLimits, fallback: _KindLimits) -> KindLimits:
    values = fallback.model_dump(exclude_none=True) | own.model_dump(exclude_none=True)
    if missing := {"max_count", "formats"} - values.keys():
        raise PinnedError(f"{BASE_VERSION} leaves out {', '.join(sorted(missing))} of a kind")
    return KindLimits(**values)


def _said(name: str, own: T | None, fallback: T | None) -> T:
    value = fallback if own is None else own
    if value is None:
        raise PinnedError(f"{BASE_VERSION} leaves out {name}")
    return value


def _max_count(field: FieldSpec, pinned: KindLimits) -> int:
    return pinned.max_count if field.max_items is None else field.max_items


def _offered_seconds(field_specs: Mapping[str, FieldSpec]) -> Sequence[int]:
    duration = field_specs.get("duration")
    numbers = [int(choice) for choice in duration.choices if str(choice).isdecimal()] if duration else []
    return [number for number in numbers if number > 0]
