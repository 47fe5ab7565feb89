"""Quick starts: a nursery for each of our programs, and the `Starter` that forks from them."""

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Final

from sandbox.nursery import Nursery
from sandbox.rig import Running, Starter, command

_HTTP: Final = ("httpcore", "anyio._backends._asyncio")
_LIBRARIES: Final[Mapping[str, Sequence[str]]] = {
    "bot": ("bot.bootstrap", "bot.lint_command", *_HTTP),
    "sandbox.discord": ("sandbox.discord.server",),
    "sandbox.oxen": ("click", "sandbox.oxen.server", *_HTTP),
}
"""What each program imports sooner or later, whatever its arguments."""


@contextmanager
def quick_starts() -> Generator[Starter]:
    """While this is open, its `Starter` forks processes from ones that have imported already.

    Where there are no nurseries (they need Linux), it starts every process by command.
    """
    with ExitStack() as stack:
        known = _LIBRARIES if sys.platform == "linux" else {}
        nurseries = {name: stack.enter_context(closing(Nursery(name, early))) for name, early in known.items()}

        async def forked(
            module: str,
            arguments: Sequence[str],
            *,
            environment: Mapping[str, str] | None,
            stdout: int,
            stderr: int,
        ) -> Running:
            return nurseries[module].start(arguments, environment=environment, stdout=stdout, stderr=stderr)

        yield forked if nurseries else command
