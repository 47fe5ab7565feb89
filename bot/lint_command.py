"""`rushes lint`: a prompt as the model would read it, and what there is to say about it. Nothing is fetched or kept."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from bot.default_model import default_model
from bot.domain.media import Kind, MediaFacts
from bot.domain.models import ModelSpec
from bot.domain.prompts import Finding, Names, Parsed, PromptStyle
from bot.domain.references import Offer, Reference, numbered
from bot.domain.words import say
from bot.prompting import read, written
from bot.references.names import alias_of, unique_names

_ENDINGS = {
    Kind.IMAGE: "png jpg jpeg webp gif apng bmp tif tiff heic heif avif svg",
    Kind.VIDEO: "mp4 mov m4v webm mkv avi",
    Kind.AUDIO: "mp3 wav m4a ogg opus flac aac",
}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}
_STYLES = {"at": PromptStyle.AT, "bracket": PromptStyle.BRACKET} | {style.value: style for style in PromptStyle}


@dataclass(frozen=True, slots=True)
class _Given:
    """A reference as it was given: no bytes, only what the language needs to know."""

    name: str
    kind: Kind
    alias: str | None


class _ReferenceType(click.ParamType[_Given]):
    """`NAME[:kind][=alias]`."""

    name = "NAME[:kind][=alias]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> _Given:
        """The reference; a usage error when its kind cannot be told or its alias is not one word."""
        text = str(value)
        if (given := _with_kind(text)) or (given := _whole_name(text)):
            return given
        name, _, alias = text.rpartition("=") if "=" in text else (text, "", None)
        given = _with_kind(name) or _whole_name(name)
        if given is None:
            self.fail(
                f"“{text}” has no ending that says its kind; write {text.partition('=')[0]}:image, :video or :audio.",
                param,
                ctx,
            )
        if alias is not None and alias_of(_offer(given.name, alias)) is None:
            self.fail(f"the alias “{alias}” is not one word of at most 32 letters, digits and signs.", param, ctx)
        return replace(given, alias=alias)


def _with_kind(text: str) -> _Given | None:
    """`NAME:kind`."""
    name, _, kind = text.rpartition(":")
    base = _base(name)
    return _Given(base, Kind(kind.lower()), None) if base and kind.lower() in set(Kind) else None


def _whole_name(text: str) -> _Given | None:
    """A name whose ending says its kind; it may hold any sign, as `a=b.png` does."""
    base = _base(text)
    kind = None if _kind(base.rpartition("=")[0]) else _kind(base)
    return _Given(base, kind, None) if kind else None


def _base(path: str) -> str:
    """The file's own name."""
    return re.split(r"[/\\]", path)[-1]


@click.command(short_help="Show a prompt as the model would read it.")
@click.argument("prompt")
@click.option(
    "--ref", "given", multiple=True, type=_ReferenceType(), help="A reference, in order; its kind follows the ending."
)
@click.option(
    "--style", type=click.Choice(sorted(_STYLES)), default="at", show_default=True, help="How the model writes tokens."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines for people.")
def lint(prompt: str, given: tuple[_Given, ...], style: str, *, as_json: bool) -> None:
    """Show PROMPT (or what stands on standard input, with -) as the model would read it, and what there is to say.

    Needs no settings, token or network. Exit code 1 when the prompt has errors.
    """
    text = _standard_input() if prompt == "-" else prompt
    spec, references = _spec(_STYLES[style]), _references(given)
    parsed = read(text, references, spec=spec, names=Names())
    rendered = None if parsed.errors else written(parsed.prompt, spec, references)
    click.echo(_json(rendered, parsed) if as_json else _lines(rendered, parsed, text))
    sys.exit(1 if parsed.errors else 0)


def _standard_input() -> str:
    """What stands there, with plain line ends, and without a byte order mark and the last line's end."""
    return sys.stdin.buffer.read().decode("utf-8-sig", errors="replace").replace("\r\n", "\n").removesuffix("\n")


def _json(rendered: str | None, parsed: Parsed) -> str:
    """ASCII only, so that no terminal's encoding can spoil it. `start` and `end` count characters of the prompt."""
    findings = [
        {
            "code": finding.reason.code,
            "severity": finding.severity.value,
            "start": finding.start,
            "end": finding.end,
            "message": say(finding.reason),
            "mend": finding.mends[0] if len(finding.mends) == 1 else None,
        }
        for finding in parsed.findings
    ]
    return json.dumps({"rendered": rendered, "findings": findings})


def _lines(rendered: str | None, parsed: Parsed, text: str) -> str:
    lines = ["Nothing would be sent: the prompt has errors." if rendered is None else rendered]
    lines += [_line(finding, text) for finding in parsed.findings]
    return "\n".join(lines).encode(errors="replace").decode()


def _line(finding: Finding, text: str) -> str:
    place = f"{finding.start}–{finding.end} " if finding.end > finding.start else ""
    mends = " or ".join(f"“{mend.strip()}”" for mend in finding.mends)
    how = "add" if finding.start == finding.end == len(text) else "write"
    return f"{finding.severity.value}: {place}{finding.reason.code}: {say(finding.reason)}" + (
        f" → {how} {mends}" if mends else ""
    )


def _spec(style: PromptStyle) -> ModelSpec:
    return replace(default_model(), style=style)


def _references(given: Sequence[_Given]) -> tuple[Reference, ...]:
    """Named as the collector would name them."""
    names = unique_names([one.name for one in given])
    return numbered(
        _reference(str(number), name, one) for number, (name, one) in enumerate(zip(names, given, strict=True), start=1)
    )


def _reference(identity: str, name: str, given: _Given) -> Reference:
    return Reference(
        id=identity,
        number=0,
        kind=given.kind,
        kind_number=0,
        name=name,
        content=identity,
        facts=MediaFacts(kind=given.kind, format=name.rpartition(".")[2].lower(), byte_count=0),
        alias=given.alias,
    )


def _kind(name: str) -> Kind | None:
    return _KINDS.get(name.rpartition(".")[2].lower()) if "." in name else None


def _offer(name: str, alt: str) -> Offer:
    return Offer(name=name, url="", byte_count=None, alt=alt)
