"""`rushes ledger`: the proof that the money adds up, a guild's lines as a file, and an operator's word on a cost."""

import json
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Final

import click

from bot.domain.errors import Refused, Unavailable
from bot.domain.money import Cause, LedgerLine
from bot.domain.reasons import reason
from bot.domain.words import dollars, say
from bot.settings import SettingsError, load_settings

_MOST_USD: Final = 1_000_000
_MONTH: Final = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


class _Month(click.ParamType[str]):
    """`YYYY-MM`."""

    name = "YYYY-MM"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The month; a usage error when it is none."""
        if not _MONTH.fullmatch(str(value)):
            self.fail(f"“{value}” is no month; write it like 2026-11.", param, ctx)
        return str(value)


class _Usd(click.ParamType[int]):
    """US dollars, to the millionth; micro-USD."""

    name = "USD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Exact; a usage error for what is negative, too much, too fine or no number."""
        try:
            micros = Decimal(str(value)).scaleb(6)
        except InvalidOperation:
            micros = Decimal("NaN")
        if not micros.is_finite() or not 0 <= micros <= _MOST_USD * 10**6 or micros != int(micros):
            self.fail(f"“{value}” is no cost; write US dollars like 0 or 1.21, at most {_MOST_USD}.", param, ctx)
        return int(micros)


def _word(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """A cause of the operator's own: it marks the line as theirs."""
    word = value.strip()
    if not word or word in set(Cause):
        raise click.BadParameter("say in words of your own why.")
    return word


@click.group(short_help="Prove that the money adds up, and export it.")
def ledger() -> None:
    """What was held and spent, by the database of this deployment. A bot that runs on it is not disturbed."""


@ledger.command(short_help="Recompute everything from the ledger's lines.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines for people.")
def check(*, as_json: bool) -> None:
    """Recompute every hold, settlement and account from the ledger's lines, and say what does not agree.

    Exit code 0: all agrees. 1: something does not. 2: there is no ledger to read.
    """
    from bot.ledger_reading import checked

    with _sentences():
        found = checked(_url())
    if as_json:
        told = {"lines": found.lines, "accounts": found.accounts, "differences": found.differences}
        click.echo(json.dumps(told, indent=2))
    else:
        balanced = say(reason("ledger-balanced", lines=found.lines, accounts=found.accounts))
        click.echo("\n".join(found.differences) or balanced)
    sys.exit(1 if found.differences else 0)


@ledger.command(short_help="Write a server's lines as CSV.")
@click.option("--guild", "guild_id", type=click.IntRange(min=1), required=True, help="The server's Discord id.")
@click.option("--month", type=_Month(), help="Only what counts in that month of the server's time zone.")
def export(*, guild_id: int, month: str | None) -> None:
    """Write a server's lines to standard output as CSV: time, request, person, take, entry, usd, cause."""
    from bot.ledger_reading import exported

    with _sentences():
        content = exported(_url(), guild_id, month)
    click.echo(content, nl=False)


@ledger.command(short_help="Say what a take cost after all.", context_settings={"ignore_unknown_options": True})
@click.argument("take")
@click.argument("usd", type=_Usd())
@click.option("--why", required=True, callback=_word, help="Why, for whoever reads the ledger later.")
def settle(*, take: str, usd: int, why: str) -> None:
    """Settle what is held for TAKE, an ended one, on USD, or correct what was booked for it, and say what was written.

    Exit code 2: nothing was changed.
    """
    from bot.ledger_reading import settled

    with _sentences():
        written = settled(_url(), take, usd, why)
    already = say(reason("ledger-already", take=take, cost=dollars(usd)))
    click.echo("\n".join(_told(line) for line in written) or already)


def _told(line: LedgerLine) -> str:
    amount = dollars(line.usd_micros)
    return say(reason("ledger-written", take=line.take_id, entry=line.entry.value, amount=amount, cause=line.cause))


def _url() -> str:
    return load_settings().storage.read_database_url()


@contextmanager
def _sentences() -> Generator[None]:
    """A usage error (exit code 2) for whatever keeps the ledger from being read."""
    try:
        yield
    except SettingsError as error:
        raise click.UsageError(f"the settings cannot be used.\n{error}") from error
    except Refused as error:
        raise click.UsageError(say(error.reason)) from error
    except Unavailable as error:
        raise click.UsageError(f"{say(error.reason)} {error.detail}".strip()) from error
    except ValueError as error:
        raise click.UsageError(f"the setting storage.database_url cannot be used: {error}") from error
