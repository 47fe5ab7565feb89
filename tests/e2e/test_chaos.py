"""A short run of `make chaos`: killed at fault points and at random moments, nothing is lost, doubled or unbalanced."""

from pathlib import Path

import pytest

from sandbox.chaos.run import Order, chaos
from sandbox.chaos.verdict import findings
from tests.e2e.stage import SHARED

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(300)  # seconds on a machine of its own, minutes on a busy one
async def test_whoever_kills_the_bot_again_and_again_breaks_no_promise(tmp_path: Path) -> None:
    order = Order(seed=3, requests=4, kills=5, folder=tmp_path)
    outcome = await chaos(order, start=SHARED.start)
    assert findings(outcome.evidence) == ()
    assert outcome.tally.total == order.kills
    states = {request.state for request in outcome.evidence.wanted if request.accepted}
    assert "delivered" in states, "and something came of it"
