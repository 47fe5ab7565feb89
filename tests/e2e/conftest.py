"""What the end-to-end tests of one worker share."""

import os
from collections.abc import Generator

import pytest

from tests.e2e.stage import shared


@pytest.fixture(scope="session", autouse=True)
def quicker(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """The folder of renders is common to all workers, whose own folders stand side by side."""
    own = tmp_path_factory.getbasetemp()
    with shared((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "renders"):
        yield
