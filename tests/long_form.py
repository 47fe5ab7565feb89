"""Which tests run in the long form only (`make test-all`), so that `make test` ends within five minutes on two cores.

Each promise keeps a test in the short form: of a suite that runs on several adapters the short form has the quickest
real one, of a harness a few rounds. As a pytest plugin, with the option `--long`.
"""

import re
from collections.abc import Sequence
from typing import Final

import pytest

LONG: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # The stores' suites run on SQLite and in memory; PostgreSQL has test_postgresql.py, and acceptance at once.
        r"tests/contract/(?!test_postgresql|test_acceptance).*(\[.*postgresql|on_postgresql)",
        r"tests/contract/test_acceptance.*(?<!at_once_exactly_as_many_are_accepted_as_there_is_left)\[postgresql",
        r"tests/contract/test_lanes\.py::test_four_processes",
        r"tests/unit/test_queue_migrations\.py.*postgresql",
        # Children with an interpreter of their own are the way out where there is no zygote.
        r"tests/contract/test_media_tools\.py.*\[fresh",
        # What each takes seconds of waiting for a limit, or of encoding.
        r"tests/unit/test_media_child_poison\.py.*\[(sleep|spin|eat)\]",
        r"tests/unit/test_media_conform_corpus\.py::test_every_conversion_is_accepted",
        r"tests/unit/test_media_conform\.py::test_(a_conversion_that_breaks_off|a_short_part_of_a_long_film)",
        r"tests/unit/test_media_commands\.py::test_(the_corpus_has_its_verdicts|names_of_any_bytes)",
        r"tests/unit/test_media_originals\.py::test_whatever_can_be_used_has_its_(scene|tile)",
        r"tests/unit/test_pipeline_clock\.py.*\[(?!forward-undisturbed)",
        # Real processes: one of each sort stays.
        r"tests/contract/test_engine\.py::test_(three_processes|what_a_thawed_process|a_server_that_was_restarted)",
        r"tests/contract/test_postgresql\.py::test_processes_that_accept",
        r"tests/contract/test_sandbox_processes\.py",
        r"tests/e2e/test_drafts\.py::test_(files_that_show|one_bad_file|a_request_is_made_again)",
        r"tests/e2e/test_main_job\.py.*\[v[12]\]",
        r"tests/e2e/test_many_processes\.py.*(\[s3|take\.submitting|frozen|\[delivered)",
        r"tests/e2e/test_storage_faults\.py::(?!test_an_order).*\[",
        r"tests/e2e/test_start_and_stop\.py::test_where_no_walls",
        r"tests/e2e/test_storage_faults\.py.*\[full",
        r"tests/e2e/test_sources\.py::test_(a_forward|files_stickers)",
        r"tests/e2e/test_postgresql\.py::(?!test_a_bot_killed).*",
        r"tests/e2e/test_restart\.py.*\[request\.(queued|preparing|working|delivering|delivered)\]",
        r"tests/e2e/test_restart\.py.*\[(posted:card|staged|take\.(rendering|fetching|fetched)|conformed|kept-smaller)\]",
    )
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: everything."""
    parser.addoption("--long", action="store_true", help="also what runs in the long form only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is long, unless the long form is asked for, or one test by its name."""
    if config.getoption("--long") or _one_by_name(config.args):
        return
    long = [item for item in items if any(pattern.search(item.nodeid) for pattern in LONG)]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in set(long)]


def _one_by_name(arguments: Sequence[str]) -> bool:
    return any("::" in argument for argument in arguments)
