"""`python -m sandbox.chaos`: prints one table, and ends with 1 unless every promise held."""

import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from sandbox.chaos.run import Order, Outcome, chaos
from sandbox.chaos.verdict import Broken, Finding, findings, tallied, told_failures

_MOST_SHOWN = 40


@click.command()
@click.option("--seed", type=int, default=1, help="The same seed, the same script.")
@click.option("--requests", type=click.IntRange(0), default=200)
@click.option("--kills", type=click.IntRange(0), default=300)
@click.option(
    "--folder", type=click.Path(path_type=Path), help="For data and logs. Default: temporary, kept on failure."
)
@click.option("--database", default="", help="The bot's database. Default: SQLite in the folder.")
@click.option(
    "--contracts", type=click.Path(exists=True, path_type=Path), help="Folder with the vendors' OpenAPI files."
)
@click.option("--patience", type=float, default=180.0, help="Seconds for everything to end once nobody kills any more.")
@click.option("--processes", type=click.IntRange(1, 1), default=1, help="Bots at once; more need roles of their own.")
def main(
    *,
    seed: int,
    requests: int,
    kills: int,
    folder: Path | None,
    database: str,
    contracts: Path | None,
    patience: float,
    processes: int,
) -> None:
    """Kill the bot again and again, and prove that nothing was lost, doubled or unbalanced."""
    del processes
    place = folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    order = Order(
        seed=seed,
        requests=requests,
        kills=kills,
        folder=place,
        database_url=database,
        contracts=contracts,
        patience_seconds=patience,
    )
    outcome = asyncio.run(chaos(order))
    found = findings(outcome.evidence)
    for line in (*_table(order, outcome, found), *_details(outcome, found, place)):
        click.echo(line)
    if found:
        sys.exit(1)
    if folder is None:
        shutil.rmtree(place)


def _table(order: Order, outcome: Outcome, found: tuple[Finding, ...]) -> Iterator[str]:
    seen, tally = outcome.evidence, outcome.tally
    states = Counter(request.state for request in seen.wanted)
    broken = tallied(found)
    rows = {
        "seed": order.seed,
        "requests": len(outcome.script.wishes),
        "asked": outcome.asked,
        "accepted": sum(request.accepted for request in seen.wanted),
        "delivered": states["delivered"],
        "kept": states["kept"],
        "failed with notice": told_failures(seen),
        "cancelled": states["cancelled"],
        "generations": len(seen.made),
        "kills": tally.total,
        **{f"  {name}": count for name, count in tally.kills.most_common()},
        **{broken_one.value: broken[broken_one] for broken_one in Broken},
        "errors logged": outcome.errors.total(),
        "seconds": round(outcome.seconds),
    }
    return (f"{name:<24}{value:>8}" for name, value in rows.items())


def _details(outcome: Outcome, found: tuple[Finding, ...], folder: Path) -> Iterator[str]:
    for event, count in outcome.errors.most_common(_MOST_SHOWN):
        yield f"logged {count} times: {event}"
    for one in found[:_MOST_SHOWN]:
        yield f"{one.broken.value}: {one.subject} {one.what}"
    if len(found) > _MOST_SHOWN:
        yield f"… and {len(found) - _MOST_SHOWN} more"
    if found:
        yield f"database, contents and logs: {folder}"


if __name__ == "__main__":
    main()
