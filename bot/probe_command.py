"""`rushes probe`: what files are, and whether the model takes them. Nothing is written."""

import asyncio
import sys
from collections.abc import Sequence

import click

from bot.domain.conform import Verdict
from bot.domain.errors import Unavailable
from bot.file_command import (
    PUBLISHERS,
    Looked,
    Measures,
    as_json,
    exit_code,
    line,
    look,
    measures,
    names_of,
    require_isolation,
    told,
    unavailable,
)
from bot.media.tools import SandboxedMedia


@click.command(short_help="Say what files are, and whether the model takes them.")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path())
@click.option(
    "--json", "json_wanted", is_flag=True, help="A JSON list, one record a file, instead of lines for people."
)
@click.option(
    "--publisher", type=click.Choice(PUBLISHERS), help="Count in what this way of handing files over carries."
)
def probe(files: tuple[str, ...], *, json_wanted: bool, publisher: str | None) -> None:
    """Say of each FILE whether the model takes it as it is, after a change, or not at all, and why.

    Files are opened in a sandboxed process. Without --publisher nothing but the default model's limits counts: no
    settings, token or network. Exit code 1 when a file is rejected, 2 when one cannot be read.
    """
    looked = asyncio.run(looks(files, measures(publisher)))
    if json_wanted:
        click.echo(as_json([told(one) for one in looked]))
    else:
        for one in looked:
            click.echo(line(one.record.verdict, one.record.code, one.record, one.message))
    sys.exit(exit_code(looked, rejected=any(one.record.verdict is Verdict.REJECT for one in looked)))


async def looks(files: Sequence[str], measure: Measures, media: SandboxedMedia | None = None) -> list[Looked]:
    """All files, in their order; a path that is named twice is looked at once."""
    media = media or SandboxedMedia()
    try:
        await require_isolation(media)
    except Unavailable as error:
        raise unavailable(error) from error
    async with asyncio.TaskGroup() as tasks:
        found = {file: tasks.create_task(look(media, file, measure)) for file in names_of(files)}
    return [found[file].result() for file in files]
