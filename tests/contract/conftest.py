"""What the suites over the stores share: every one of them runs on every store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.postgres import Postgres
from tests.stores import STORES, URLS, Store


@pytest.fixture(params=sorted(STORES))
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each store, ready to be opened for folders."""
    yield from _ready(request)


@pytest.fixture(params=sorted(URLS))
def lasting(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each store that outlives a process, and that several processes may open."""
    yield from _ready(request)


@pytest_asyncio.fixture
async def store(kind: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with STORES[kind](tmp_path) as opened:
        yield opened


def _ready(request: pytest.FixtureRequest) -> Iterator[str]:
    kind = str(request.param)
    if kind != "postgresql":
        yield kind
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    yield kind
    postgres.forget()
