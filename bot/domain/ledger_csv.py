"""The ledger as a CSV file for people and their spreadsheets (RFC 4180, UTF-8)."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from bot.domain.money import LedgerLine

_HEADER: Final = ("time", "request", "person", "take", "entry", "usd", "cause")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet calculate, or hides such a sign from a look."""


def csv_of(lines: Iterable[LedgerLine]) -> bytes:
    """A header and a line each: UTC time, request, person's id, take, entry, US dollars, cause.

    Dollars are exact, with six digits. Text that a spreadsheet would calculate begins with an apostrophe.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEADER)
    writer.writerows(_row(line) for line in lines)
    return text.getvalue().encode(errors="replace")


def _row(line: LedgerLine) -> tuple[str, ...]:
    time = datetime.fromtimestamp(line.at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    usd = f"{Decimal(line.usd_micros).scaleb(-6):.6f}"
    person = str(line.person_id) if line.person_id else ""
    return (time, _plain(line.request_id), person, _plain(line.take_id), line.entry.value, usd, _plain(line.cause))


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
