"""What `rushes probe` and `rushes conform` share: the limits they go by, their looks at files, and how records read."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

import click

from bot.default_model import default_model
from bot.domain.conform import Measured, Record, Verdict
from bot.domain.errors import Unavailable
from bot.domain.fates import fate
from bot.domain.media import Kind, MediaFacts
from bot.domain.models import ModelLimits
from bot.domain.reasons import Reason, reason
from bot.domain.words import byte_size, say
from bot.media.tools import SandboxedMedia
from bot.publish.staging import MAX_BYTES
from bot.settings import Settings, SettingsError, load_settings

PUBLISHERS: Final = ("staging", "data-uri")
_MIB, _KIB = 1 << 20, 1 << 10
_NOT_MEASURED: Final[Mapping[str, object]] = dict.fromkeys(
    [field.name for kind in (MediaFacts, Measured) for field in fields(kind) if field.name != "kind"]
)
_NO_ISOLATION: Final = (
    "This machine offers neither Landlock nor seccomp, so files from strangers could not be opened safely. Use a Linux "
    "kernel that has one of them, or set RUSHES__MEDIA__REQUIRE_ISOLATION=false to accept the risk."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What files are held against. `images_only`: in how many bytes, where nothing else can be handed over."""

    limits: ModelLimits
    images_only: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One look at a path. `trouble`: it could not be looked at, which is no fault of its content."""

    file: str
    record: Record
    trouble: bool = False

    @property
    def name(self) -> str:
        """What sentences call it."""
        return Path(self.file).name or self.file

    @property
    def message(self) -> str:
        """Its fate by itself."""
        return fate(self.record, self.name)


def measures(publisher: str | None) -> Measures:
    """The default pinned model's limits, and what the publisher carries. Settings are read for a publisher only.

    A usage error when the settings cannot be used.
    """
    limits = default_model().limits
    if publisher is None:
        return Measures(limits=limits)
    settings = _settings()
    if publisher == "data-uri":
        most = settings.publish.data_uri_kib * _KIB
        images = {kind: each for kind, each in limits.kinds.items() if kind is Kind.IMAGE}
        return Measures(limits=replace(limits, kinds=images).carried(most), images_only=most)
    return Measures(limits=limits.carried(min(settings.publish.staging_file_mib * _MIB, MAX_BYTES)))


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        raise click.UsageError(f"the settings cannot be used.\n{error}") from error


async def require_isolation(media: SandboxedMedia) -> None:
    """A usage error where nothing holds a media child, unless the operator accepts that. `Unavailable`."""
    report = await media.isolation()
    if not report.layers and _settings().media.require_isolation:
        raise click.UsageError(_NO_ISOLATION)


async def look(media: SandboxedMedia, file: str, measure: Measures) -> Looked:
    """A path's record; what cannot be opened or looked at has one that says so."""
    name = Path(file).name or file
    missing = _no_file(file)
    if missing is not None:
        return _trouble(file, *missing)
    try:
        record = await media.record(Path(file), measure.limits)
    except Unavailable as error:
        return _trouble(file, "unavailable", error.reason)
    except OSError as error:  # it went away in the meantime
        return _trouble(file, "unreadable", _unreadable(file, error))
    if record.code == "kind_not_accepted" and measure.images_only is not None:
        why = reason("publisher-missing", name=name, limit=byte_size(measure.images_only))
        record = replace(record, why=why)
    return Looked(file=file, record=record)


def _no_file(file: str) -> tuple[str, Reason] | None:
    """Why a path is no file that can be read, with its code. Only regular files are opened: others may never end."""
    try:
        mode = Path(file).stat().st_mode
        if not stat.S_ISREG(mode):
            return "not_a_file", reason("path-not-a-file", name=file)
        os.close(os.open(file, os.O_RDONLY))
    except FileNotFoundError:
        return "missing", reason("path-missing", name=file)
    except (OSError, ValueError) as error:
        return "unreadable", _unreadable(file, error)
    return None


def _unreadable(file: str, error: OSError | ValueError) -> Reason:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return reason("path-unreadable", name=file, why=why)


def _trouble(file: str, code: str, why: Reason) -> Looked:
    return Looked(file=file, record=Record(verdict=Verdict.REJECT, code=code, kind=None, why=why), trouble=True)


def told(looked: Looked) -> dict[str, object]:
    """A record as JSON."""
    record = looked.record
    return {
        "file": looked.file,
        "verdict": record.verdict.value,
        "code": record.code,
        "kind": kind_word(record.kind),
        "measured": measured(record, looked.file),
        "actions": [step.value for step in record.steps],
        "remarks": [remark.value for remark in record.remarks],
        "estimated_seconds": record.estimated_seconds,
        "message": looked.message,
    }


def measured(record: Record, file: str | Path) -> dict[str, object]:
    """What was measured, one flat object: pixels, seconds, degrees. `null` where nothing was."""
    if record.facts is None:
        return {**_NOT_MEASURED, "byte_count": _byte_count(file)}
    return {name: value for name, value in (asdict(record.facts) | asdict(record.measured)).items() if name != "kind"}


def _byte_count(file: str | Path) -> int | None:
    try:
        return Path(file).stat().st_size
    except (OSError, ValueError):
        return None


def kind_word(kind: Kind | None) -> str:
    """What JSON says of a kind: `none` for what is no media."""
    return "none" if kind is None else kind.value


def line(verdict: Verdict, code: str, record: Record, message: str) -> str:
    """A file for people, on one line, whatever its name holds."""
    return printable(f"{verdict.value:7}  {code:18}  {message}{_figures(record)}")


def _figures(record: Record) -> str:
    """What was measured, in brackets: `[video, mp4, 1280×720, 3.0 s, 2.8 MB]`."""
    facts = record.facts
    if facts is None:
        return ""
    size = f"{facts.width}×{facts.height}" if facts.width and facts.height else ""
    lasts = f"{facts.seconds:.1f} s" if facts.seconds is not None else ""
    words = [facts.kind.value, facts.format, size, lasts, byte_size(facts.byte_count)]
    return f" [{', '.join(word for word in words if word)}]"


def printable(text: str) -> str:
    """Nothing that moves a terminal's cursor, and nothing that its encoding cannot write."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown.encode(errors="replace").decode()


def as_json(value: Mapping[str, object] | Sequence[Mapping[str, object]]) -> str:
    """ASCII only, so that no terminal's encoding can spoil it."""
    return json.dumps(value, indent=2)


def exit_code(looked: Sequence[Looked], *, rejected: bool) -> int:
    """2 when a path could not be looked at, 1 when something is rejected, else 0."""
    return 2 if any(one.trouble for one in looked) else int(rejected)


def names_of(files: Sequence[str]) -> list[str]:
    """Each path once, in order."""
    return list(dict.fromkeys(files))


def unavailable(error: Unavailable) -> click.UsageError:
    """No media child can be had at all."""
    return click.UsageError(printable(f"{say(error.reason)} {error.detail}".strip()))
