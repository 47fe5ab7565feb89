"""JSON that somebody else wrote, narrowed without hope: what has the wrong shape is empty."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Final, cast

_MICROS: Final = Decimal(1_000_000)


def as_object(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[object]:
    """The value if it is a JSON array, else an empty one."""
    return cast("Sequence[object]", value) if isinstance(value, list | tuple) else ()


def as_text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def usd_micros(usd: Decimal) -> int:
    """Decimal USD in micro-USD, never below the sum."""
    return int((usd * _MICROS).to_integral_value(rounding=ROUND_CEILING))
