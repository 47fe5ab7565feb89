"""Nothing secret gets into the log, by whatever way it comes: events, exceptions, libraries' records."""

import io
import json
import logging
from collections.abc import Callable, Generator
from contextlib import redirect_stderr
from typing import Literal

import pytest
import structlog

from bot.logs import configure_logging

TOKEN = "MTIz.abc.discord-token"
KEY = "oxen-key-0123456789"
SIGNED = "https://cdn.discordapp.com/attachments/1/2/hero.png?ex=66f&is=55e&hm=5161a7"
DATA = "data:image/png;base64,iVBORw0KGgo+/AAA="
HOOK = "https://discord.com/api/v10/webhooks/123456/aW50ZXJhY3Rpb246dG9rZW4/messages/@original"
CALLBACK = "/interactions/123456/aW50ZXJhY3Rpb246dG9rZW4/callback"
EVERYTHING = f"{TOKEN} {KEY} {SIGNED} {DATA} {HOOK} {CALLBACK}"
SECRETS = [TOKEN, KEY, "hm=5161a7", "iVBORw0KGgo", "aW50ZXJhY3Rpb246dG9rZW4"]

Log = Callable[[], str]


@pytest.fixture(params=["console", "json"])
def log(request: pytest.FixtureRequest) -> Generator[Log]:
    """Logging as production has it; answers all that was written."""
    root = logging.getLogger()
    level = root.level
    yield configured(request.param, (TOKEN, "", KEY)).getvalue
    root.handlers = []
    root.setLevel(level)
    structlog.reset_defaults()


def configured(form: Literal["console", "json"], secrets: tuple[str, ...]) -> io.StringIO:
    """Configures logging; whatever is logged from now on is written there."""
    with redirect_stderr(io.StringIO()) as written:
        configure_logging("info", form, secrets=secrets)
    return written


def clean(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


def ours() -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger("rushes.test")
    return logger


class Shown:
    """Something whose text holds it all."""

    def __repr__(self) -> str:
        return EVERYTHING


def fail() -> None:
    try:
        int(EVERYTHING)
    except ValueError as error:
        raise RuntimeError(f"outer {EVERYTHING}") from error


def test_an_event_and_its_keys_are_clean(log: Log) -> None:
    ours().info(f"took {EVERYTHING}", text=EVERYTHING, deep={"list": [EVERYTHING]}, thing=Shown(), raw=DATA.encode())
    assert "took" in log()
    assert clean(log())


def test_what_is_bound_to_the_context_is_clean(log: Log) -> None:
    with structlog.contextvars.bound_contextvars(request=EVERYTHING):
        ours().warning("odd")
    assert "odd" in log()
    assert clean(log())


def test_an_exception_and_its_cause_are_clean_and_told_whole(log: Log) -> None:
    try:
        fail()
    except RuntimeError:
        ours().exception("step failed")
    assert "ValueError" in log()
    assert "RuntimeError: outer" in log()
    assert clean(log())


@pytest.mark.parametrize("how", ["formatted", "arguments", "extra", "exception"])
def test_a_library_s_record_is_clean(log: Log, how: str) -> None:
    library = logging.getLogger("some.library")
    if how == "formatted":
        library.warning(f"it said {EVERYTHING}")
    elif how == "arguments":
        library.warning("it said %s about %r", EVERYTHING, Shown())
    elif how == "extra":
        library.warning("it said", extra={"url": EVERYTHING})
    else:
        try:
            fail()
        except RuntimeError:
            library.exception("it said")
    assert "it said" in log()
    assert "some.library" in log()
    assert clean(log())


def test_what_is_left_of_an_address_still_says_where(log: Log) -> None:
    ours().info("fetched", url=SIGNED, hook=HOOK)
    assert "https://cdn.discordapp.com/attachments/1/2/hero.png?[signed]" in log()
    assert "/webhooks/123456/[token]/messages/@original" in log()


def test_words_and_figures_are_left_alone(log: Log) -> None:
    ours().info("is it ready? yes", count=3, ratio=0.5, flag=True, none=None, name="a data: point; and more")
    for piece in ("is it ready? yes", "3", "0.5", "a data: point; and more"):
        assert piece in log()


@pytest.mark.usefixtures("log")
def test_an_empty_or_tiny_secret_does_not_garble_the_log() -> None:
    written = configured("json", ("", "a"))
    ours().info("a cat")
    assert json.loads(written.getvalue())["event"] == "a cat"


def test_a_record_that_cannot_be_written_is_not_printed_as_it_is(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """Python's logging would: with its arguments, past all that takes secrets out."""
    too_many_holes = "%s and %s"
    logger = logging.getLogger("some.library")
    logger.propagate = False
    logger.addHandler(logging.getLogger().handlers[0])  # without the test runner's own, which raises
    try:
        logger.warning(too_many_holes, EVERYTHING)
    finally:
        logger.handlers, logger.propagate = [], True
    assert "a record of some.library" in log()
    assert clean(log() + capsys.readouterr().err)


def test_quiet_levels_and_chatty_libraries_stay_out(log: Log) -> None:
    ours().debug("too fine")
    logging.getLogger("httpx").info("HTTP Request: GET %s", SIGNED)
    logging.getLogger("discord.gateway").info("connected")
    assert log() == ""
