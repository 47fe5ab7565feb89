"""What is forgotten by and by: of requests that are long over, of money long settled, of counts and blocks."""

from typing import Final

from sqlalchemy import delete, exists, select

from bot.domain.states import RequestState
from bot.queue import allowances, blocks, ledger_reads, quotas, trays
from bot.queue.engine import Transaction, one_at_a_time
from bot.queue.tables import ledger, requests

KEPT_MS: Final = 400 * 86_400_000
"""More than a year: whoever looks at a month beside the same month of the year before finds both in full."""
_BATCH: Final = 500
_OVER: Final = tuple(state.value for state in RequestState if state.final and state is not RequestState.KEPT)
"""What was paid for and never posted may still be delivered."""


def tidy(transaction: Transaction, now_ms: int) -> None:
    """Forgets what is no use any more; of what is much, some hundreds at once."""
    one_at_a_time(transaction.connection)
    trays.empty_expired(transaction, now_ms)
    allowances.forget_old(transaction, now_ms)
    quotas.forget_old(transaction, now_ms)
    blocks.forget_expired(transaction, now_ms)
    ledger_reads.sum_up(transaction, now_ms - KEPT_MS, now_ms)
    _forget_requests(transaction, now_ms - KEPT_MS)


def _forget_requests(transaction: Transaction, before_ms: int) -> None:
    """With their takes, references and posts; not while the ledger has a line of theirs."""
    over = (requests.c.finished_at_ms < before_ms) & requests.c.state.in_(_OVER)
    told = exists().where(ledger.c.request_id == requests.c.id)
    oldest = select(requests.c.id).where(over, ~told).order_by(requests.c.finished_at_ms).limit(_BATCH)
    transaction.connection.execute(delete(requests).where(requests.c.id.in_(oldest)))
