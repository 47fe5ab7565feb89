"""The model's request schema in its three versions, as shipped in `schemas/`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from bot.domain.media import Kind
from bot.domain.prompts import PromptStyle
from sandbox.oxen.contract import Problem, problems
from sandbox.oxen.settings import SchemaVersion

ENVELOPE = frozenset(
    {"model", "num_generations", "target_namespace", "target_repo", "target_directory", "response_format"}
)
"""Fields of the queue itself; everything else in a body is passed through to the model."""

REFERENCE_FIELDS: Mapping[str, Kind] = {
    "input_face_images": Kind.IMAGE,
    "input_images": Kind.IMAGE,
    "input_face_videos": Kind.VIDEO,
    "input_videos": Kind.VIDEO,
    "input_audios": Kind.AUDIO,
}
"""In the order in which each kind is numbered: "Face-containing media is indexed before non-face media"."""

MAX_OF_KIND: Mapping[Kind, int] = {Kind.IMAGE: 9, Kind.VIDEO: 3, Kind.AUDIO: 3}
_STYLES: Mapping[SchemaVersion, PromptStyle] = {"v1": PromptStyle.AT, "v2": PromptStyle.BRACKET, "v3": PromptStyle.AT}
_MAX_FILES: Mapping[SchemaVersion, int] = {"v1": 12, "v2": 15, "v3": 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSchema:
    """One version: the JSON Schema as the model record shows it, its token style, and how many files it takes."""

    version: SchemaVersion
    document: Mapping[str, Any]
    style: PromptStyle
    max_files: int

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields by name."""
        return self.document["properties"]

    @property
    def reference_fields(self) -> tuple[tuple[str, Kind], ...]:
        """The reference fields that this version has, in the order of numbering."""
        return tuple((name, kind) for name, kind in REFERENCE_FIELDS.items() if name in self.properties)

    def value(self, body: Mapping[str, object], name: str) -> object:
        """What the body says of a field, or the schema's default."""
        return body.get(name, self.properties.get(name, {}).get("default"))

    def problems(self, body: Mapping[str, object]) -> Iterator[Problem]:
        """What the schema does not allow in the body, unknown fields included; the queue's own fields are left out."""
        inner = {name: value for name, value in body.items() if name not in ENVELOPE}
        return problems({**self.document, "additionalProperties": False}, inner)

    def allows(self, name: str, value: object) -> bool:
        """True when the version has that field and the value fits it."""
        return name in self.properties and not any(problems(self.properties[name], value))


@cache
def schema(version: SchemaVersion) -> ModelSchema:
    """The shipped schema of that version."""
    text = files("sandbox.oxen").joinpath("schemas", f"{version}.json").read_text("utf-8")
    return ModelSchema(
        version=version, document=json.loads(text), style=_STYLES[version], max_files=_MAX_FILES[version]
    )
