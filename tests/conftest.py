"""Settings of every test, and the server that some of them share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import s3
from tests.postgres import Postgres, started
from tests.stores import RUNNING

# A busy machine is no defect, so no property test fails for being slow. In CI the examples are the same each time;
# elsewhere they vary, and what they find is added as an example of its own.
settings.register_profile(
    "rushes", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("rushes")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this worker that want one; whoever uses `of` calls `forget` in the end."""
    with started() as server:
        RUNNING.postgres = server
        yield server
        RUNNING.postgres = None


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Where an S3-compatible store answers, for all tests of this worker that want one."""
    with s3.started() as address:
        yield address


@pytest.fixture
def mortal(postgres: Postgres) -> Iterator[Postgres]:
    """The same server for a test that kills it; afterwards it runs again."""
    yield postgres
    postgres.start()
