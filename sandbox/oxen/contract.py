"""The vendor's OpenAPI file (3.0), read so that JSON Schema tools can hold bodies against it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, FormatChecker

_PREFIX = "#/components/schemas/"
_MAX_MESSAGE = 300  # messages quote values; a data URI is a long one


class Problem(NamedTuple):
    """What is wrong with a JSON value: the top-level field it is in (empty: the value itself), and how."""

    field: str
    message: str


def problems(schema: Mapping[str, Any], value: object) -> Iterator[Problem]:
    """What a JSON Schema (2020-12, formats included) does not allow in a value."""
    validator: Any = Draft202012Validator(schema, format_checker=FormatChecker())  # its stub wants proven JSON
    for error in validator.iter_errors(value):
        yield Problem(str(next(iter(error.absolute_path), "")), f"{error.json_path}: {error.message[:_MAX_MESSAGE]}")


class Contract:
    """The components of one OpenAPI file."""

    def __init__(self, path: Path) -> None:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        self._schemas: dict[str, Any] = {
            name: _modern(schema) for name, schema in document["components"]["schemas"].items()
        }

    def problems(self, name: str, value: object) -> Iterator[Problem]:
        """What the component schema `name` does not allow in `value`."""
        return problems({"$ref": f"#/$defs/{name}", "$defs": self._schemas}, value)


def _modern(node: Any) -> Any:  # noqa: ANN401  any JSON
    """OpenAPI 3.0's dialect in JSON Schema's words: `nullable` becomes a type, references point to `$defs`."""
    if isinstance(node, list):
        return [_modern(part) for part in node]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {str(name): _modern(part) for name, part in node.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(reference := result.get("$ref"), str):
        result["$ref"] = reference.replace(_PREFIX, "#/$defs/")
    if result.pop("nullable", None) is True and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result
