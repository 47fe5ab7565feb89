"""What the suites over the stores share: every one of them runs on every store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.stores import STORES, Store


@pytest.fixture(params=sorted(STORES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def store(kind: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[kind](tmp_path) as opened:
        yield opened
