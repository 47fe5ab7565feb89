"""`rushes conform`: a whole request's files, made into what the model takes together, in a folder."""

import asyncio
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

import click

from bot.domain.conform import Anchor, FilePlan, Part, Record, SetPlan, Step, Verdict
from bot.domain.errors import Refused, Unavailable
from bot.domain.fates import planned_fate
from bot.domain.reasons import reason
from bot.domain.words import say
from bot.file_command import (
    PUBLISHERS,
    Looked,
    Measures,
    as_json,
    exit_code,
    kind_word,
    line,
    measured,
    measures,
    printable,
    unavailable,
)
from bot.media.planner import plan
from bot.media.tools import SandboxedMedia
from bot.probe_command import looks

_ENDINGS: Final = {"jpeg": "jpg"}
_MOST_STEM_BYTES: Final = 200
"""File systems take names of 255 bytes; a number and the ending come after."""

_ANCHORS: Final = {anchor.value: anchor for anchor in (Anchor.START, Anchor.MIDDLE, Anchor.END)}
_SHOWN_PERCENT: Final = 25


class _PartType(click.ParamType[tuple[str, Part]]):
    """`FILE=start|middle|end|SECONDS`."""

    name = "FILE=start|middle|end|SECONDS"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Part]:
        """The file as it was written, and the part of it that is wanted; a usage error for anything else."""
        file, _, wanted = str(value).rpartition("=")
        if file and wanted in _ANCHORS:
            return file, Part(anchor=_ANCHORS[wanted])
        try:
            seconds = float(wanted)
        except ValueError:
            seconds = math.nan
        if not file or not 0 <= seconds < math.inf:
            self.fail(f"“{value}” is not FILE=start, FILE=middle, FILE=end or FILE=SECONDS.", param, ctx)
        return file, Part(anchor=Anchor.AT, at_seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """One file of the request at the end. `made`: the record of what lies at `output`."""

    looked: Looked
    plan: FilePlan
    output: Path | None = None
    made: Record | None = None

    def told(self, planned: SetPlan) -> dict[str, object]:
        """As JSON."""
        record = self.looked.record
        return {
            "file": self.looked.file,
            "verdict": self.verdict.value,
            "code": self.code(planned),
            "kind": kind_word(record.kind),
            "actions": [step.value for step in self.plan.steps],
            "remarks": [remark.value for remark in record.remarks],
            "message": self.message,
            "output": None if self.output is None else str(self.output),
            "measured": None if self.made is None or self.output is None else measured(self.made, self.output),
        }

    @property
    def verdict(self) -> Verdict:
        """A file that fits by itself is changed when the others leave it too little room."""
        own = self.looked.record.verdict
        return Verdict.CONVERT if own is Verdict.ACCEPT and self.plan.target is not None else own

    def code(self, planned: SetPlan) -> str:
        """Its own; the set's where only the others are the reason for a change."""
        code = self.looked.record.code
        if code != "ok" or self.plan.target is None:
            return code
        return "duration_budget" if Step.TRIM in self.plan.steps else planned.code

    @property
    def message(self) -> str:
        """What becomes of it; by itself, where the request is rejected and so nothing does."""
        alone = self.looked.trouble or (self.plan.target is None and self.looked.record.verdict is Verdict.CONVERT)
        return self.looked.message if alone else planned_fate(self.plan, self.looked.name)


@click.command(short_help="Make files into what the model takes, together.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Where the files are put.")
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=_PartType(),
    metavar=_PartType.name,
    help="Which part of a file is used when it is cut.",
)
@click.option("--json", "json_wanted", is_flag=True, help="One JSON object instead of lines for people.")
@click.option(
    "--publisher", type=click.Choice(PUBLISHERS), help="Count in what this way of handing files over carries."
)
def conform(
    files: tuple[str, ...],
    *,
    folder: Path,
    parts: tuple[tuple[str, Part], ...],
    json_wanted: bool,
    publisher: str | None,
) -> None:
    """Take all FILEs as one request, and put what the model takes of them into a folder; nothing is overwritten.

    Files that fit are copied, others are changed and looked at again. When the files cannot be used together, nothing
    is put there. Exit code 1 when the request or a file of it is rejected, 2 when a file cannot be read.
    """
    chosen = _chosen(files, parts)
    measure = measures(publisher)
    say_progress = _Progress(quiet=json_wanted and not sys.stderr.isatty())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        planned, outcomes = asyncio.run(_conformed(files, measure, chosen, folder, say_progress))
    except OSError as error:
        where, why = error.filename or folder, error.strerror or error
        raise click.UsageError(printable(f"“{where}” cannot be read or written: {why}.")) from error
    except Unavailable as error:
        raise unavailable(error) from error
    message = _message(planned, outcomes)
    told = [one.told(planned) for one in outcomes]
    if json_wanted:
        answer = {"verdict": planned.verdict.value, "code": planned.code, "message": message, "files": told}
        click.echo(as_json(answer))
    else:
        _show(planned, outcomes, message)
    rejected = Verdict.REJECT in {planned.verdict, *(one.verdict for one in outcomes)}
    sys.exit(exit_code([one.looked for one in outcomes], rejected=rejected))


def _chosen(files: Sequence[str], parts: Sequence[tuple[str, Part]]) -> Mapping[int, Part]:
    """The parts by the files' places; a file that is given twice has its part twice."""
    strangers = [file for file, _ in parts if file not in files]
    if strangers:
        raise click.UsageError(printable(f"--part names “{strangers[0]}”, which is none of the files."))
    return {index: part for file, part in parts for index, one in enumerate(files) if one == file}


def _message(planned: SetPlan, outcomes: Sequence[_Outcome]) -> str:
    if planned.verdict is Verdict.REJECT:
        if planned.code == "nothing_usable" or not planned.reasons:
            return say(reason("set-unusable"))
        return " ".join(say(why) for why in planned.reasons)
    usable = [one for one in outcomes if one.output is not None]
    changed = sum(one.plan.target is not None for one in usable)
    return say(reason("set-usable", usable=len(usable), count=len(outcomes), changed=changed))


def _show(planned: SetPlan, outcomes: Sequence[_Outcome], message: str) -> None:
    for one in outcomes:
        place = "" if one.output is None else f" → {one.output}"
        shown = one.made or one.looked.record
        click.echo(line(one.verdict, one.code(planned), shown, one.message) + printable(place))
    click.echo(printable(f"{planned.verdict.value:7}  {planned.code:18}  {message}"))


class _Progress:
    """Tells people on standard error how far each conversion is, in steps that are worth a line."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def of(self, name: str) -> Callable[[float], None]:
        """For one file."""
        shown = 0

        def tell(done: float) -> None:
            nonlocal shown
            percent = int(done * 100) // _SHOWN_PERCENT * _SHOWN_PERCENT
            if percent > shown and not self._quiet:
                shown = percent
                click.echo(printable(f"{name}: {percent} %"), err=True)

        return tell


async def _conformed(
    files: Sequence[str], measure: Measures, parts: Mapping[int, Part], folder: Path, progress: _Progress
) -> tuple[SetPlan, list[_Outcome]]:
    """Looks at all files, plans, carries out. Nothing is left in the folder when the request is rejected."""
    media = SandboxedMedia()
    looked = await looks(files, measure, media)
    planned = _plan(looked, measure, parts)
    outcomes = [_Outcome(looked=one, plan=file) for one, file in zip(looked, planned.files, strict=True)]
    if planned.verdict is Verdict.REJECT:
        return planned, outcomes
    with tempfile.TemporaryDirectory(prefix=".rushes-", dir=folder) as scratch:
        made = [
            await _carried_out(media, one, Path(scratch) / str(index), progress) for index, one in enumerate(outcomes)
        ]
        if any(_failed(one, before) for one, before in zip(made, outcomes, strict=True)):
            again = _plan([one.looked for one in made], measure, parts)
            if again.verdict is Verdict.REJECT:
                return again, [replace(one, output=None, made=None) for one in made]
        return planned, [_placed(one, folder) for one in made]


def _plan(looked: Sequence[Looked], measure: Measures, parts: Mapping[int, Part]) -> SetPlan:
    return plan([one.record for one in looked], measure.limits, parts, names=[one.name for one in looked])


def _failed(after: _Outcome, before: _Outcome) -> bool:
    return after.verdict is not before.verdict


async def _carried_out(media: SandboxedMedia, one: _Outcome, into: Path, progress: _Progress) -> _Outcome:
    """The file as it is to be, in the scratch folder; a file that cannot be made has become a rejected one."""
    record, target, source = one.looked.record, one.plan.target, Path(one.looked.file)
    if record.verdict is Verdict.REJECT or record.facts is None:
        return one
    if target is None:
        await asyncio.to_thread(shutil.copyfile, source, into)
        return replace(one, output=into, made=record)
    try:
        made = await media.conform(source, one.plan, into, progress=progress.of(one.looked.name))
    except Refused as refused:
        failed = replace(record, verdict=Verdict.REJECT, code=_code_of(refused), why=refused.reason, steps=())
        return replace(one, looked=replace(one.looked, record=failed), plan=FilePlan(record=failed))
    return replace(one, output=into, made=made)


def _code_of(refused: Refused) -> str:
    codes = {"media-too-heavy": "too_heavy", "file-unreadable": "corrupt"}
    return codes.get(refused.reason.code, "not_conformed")


def _placed(one: _Outcome, folder: Path) -> _Outcome:
    """Moves a file to its name in the folder, one that nothing there has."""
    if one.output is None or one.made is None or one.made.facts is None:
        return one
    for path in _names(one.looked.name, one.made.facts.format, folder):
        try:
            path.touch(exist_ok=False)  # the name is ours now
        except FileExistsError:
            continue
        usual = path.stat().st_mode
        one.output.replace(path)
        path.chmod(usual)
        return replace(one, output=path)
    raise AssertionError


def _names(name: str, format_name: str, folder: Path) -> Iterator[Path]:
    """`walk.mp4`, `walk-2.mp4` …: the name's stem, without what moves a cursor, and the ending of what is in it."""
    plain = "".join(letter if letter.isprintable() else "_" for letter in Path(name).stem)
    stem = plain.encode(errors="replace")[:_MOST_STEM_BYTES].decode(errors="ignore")
    ending = _ENDINGS.get(format_name, format_name)
    for number in count(1):
        yield folder / (f"{stem}.{ending}" if number == 1 else f"{stem}-{number}.{ending}")
