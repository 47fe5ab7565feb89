"""The log: events with keys. Never a prompt, a token or a signed URL."""

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from typing import Literal, TextIO

import structlog

_URL_QUERY = re.compile(r"(https?://[^\s\"'?]+)\?[^\s\"']+")
_PATH_TOKEN = re.compile(r"(/(?:webhooks|interactions)/\d+/)[\w-]+")  # an interaction's token, as discord.py logs it
_SHORTEST_SECRET = 8  # shorter ones are no secrets, and taking them out would only garble words
_DATA_URI = re.compile(r"data:[\w/+.-]+;base64,[\w+/=]+")


def configure_logging(level: str, form: Literal["console", "json"], *, secrets: Iterable[str]) -> None:
    """Sends our events and the libraries' records to stderr in one form, with secrets and URL queries taken out."""
    redact = _Redact(tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET))
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = _Handler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("discord", "httpx", "httpcore", "alembic", "aiosqlite", "PIL", "procrastinate"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Python's own would print a record that cannot be formatted as it is, with its arguments, secrets and all."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the library's name
        """Says only where to look."""
        with suppress(OSError, ValueError):  # it may be the stream that is broken
            self.stream.write(f"a record of {record.name} ({record.pathname}:{record.lineno}) could not be written\n")


class _Redact:
    """Takes secrets, interaction tokens, URL queries and data URIs out of every text of an event, however deep."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, object]) -> Mapping[str, object]:
        return {key: self._clean(value) if not key.startswith("_") else value for key, value in event.items()}

    def _clean(self, value: object) -> object:
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, "[secret]")
            value = _PATH_TOKEN.sub(r"\1[token]", value)
            return _DATA_URI.sub("[data]", _URL_QUERY.sub(r"\1?[signed]", value))
        if isinstance(value, (int, float, bool)) or value is None:
            return value
        return self._clean(str(value))
