"""What a model takes: fields, limits, prices, token style. Data from the vendor's record and the pinned file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.domain.media import Kind
from bot.domain.prompts import PromptStyle


class FieldType(StrEnum):
    """JSON types of request fields that we know how to fill."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    ARRAY = "array"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of the request body as the schema has it. `choices` is empty when anything goes."""

    name: str
    type: FieldType
    choices: tuple[str | int, ...] = ()
    default: str | int | bool | None = None
    required: bool = False
    max_items: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLimits:
    """What a model takes of one kind. `None` means: no limit known."""

    max_count: int
    formats: tuple[str, ...]
    max_bytes_each: int | None = None
    max_bytes_together: int | None = None
    min_seconds_together: float | None = None
    max_seconds_together: float | None = None
    min_area_pixels: int | None = None
    max_area_pixels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """What a request may hold. `kinds` has an entry for each kind the model takes."""

    kinds: Mapping[Kind, KindLimits]
    max_files: int
    max_prompt_characters: int
    audio_needs_visual: bool
    min_seconds: int
    max_seconds: int

    def carried(self, max_bytes_each: int) -> "ModelLimits":
        """The same where no file may be larger than that, as a publisher has it; kinds it takes none of go."""
        kinds = {
            kind: replace(each, max_bytes_each=min(max_bytes_each, each.max_bytes_each or max_bytes_each))
            for kind, each in self.kinds.items()
            if each.max_count > 0
        }
        return replace(self, kinds=kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pricing:
    """Micro-USD per output second: by resolution where known, else `otherwise`; `None` is an unknown price."""

    by_resolution: Mapping[str, int] = field(default_factory=dict[str, int])
    otherwise: int | None = None

    def per_second(self, resolution: str) -> int | None:
        """The price of a second at that resolution, or `None` when it is unknown."""
        return self.by_resolution.get(resolution, self.otherwise)

    def over(self, other: "Pricing") -> "Pricing":
        """These prices, and the other's where these say nothing; an `otherwise` here says something of every one."""
        if self.otherwise is not None:
            return self
        return Pricing(by_resolution={**other.by_resolution, **self.by_resolution}, otherwise=other.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model as this deployment sees it now. `schema_version` names the pinned file that gave limits and style.

    `face_kinds`: the kinds that have fields of their own for files that show a real person.
    """

    id: str
    schema_version: str
    style: PromptStyle
    fields: Mapping[str, FieldSpec]
    limits: ModelLimits
    pricing: Pricing = Pricing()
    live: bool = False
    drift: tuple[str, ...] = ()
    face_kinds: frozenset[Kind] = frozenset()

    def worst_cost_usd_micros(self, *, seconds: int | None, resolution: str, takes: int) -> int | None:
        """The most the takes can cost; `seconds=None` (auto) counts as the model's maximum. `None`: price unknown."""
        per_second = self.pricing.per_second(resolution)
        if per_second is None:
            return None
        return per_second * (self.limits.max_seconds if seconds is None else seconds) * takes
