"""`python -m sandbox.discord`: start a Discord on loopback and say where it is.

The first line on stdout is JSON with the addresses, ids and the bot's token; `--control-file` gets the same.
SIGTERM and SIGINT end it.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import secrets
import signal
import time
from pathlib import Path
from typing import cast

from sandbox.discord.options import Options
from sandbox.discord.server import Place, running


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.discord", description="A Discord on loopback.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", default=None, help="the bot's token; made up if not given")
    parser.add_argument("--contract", type=Path, default=None, help="Discord's OpenAPI file, to check requests against")
    parser.add_argument("--control-file", type=Path, default=None, help="the ready line is also written here")
    for field in dataclasses.fields(Options):
        flag = "--" + field.name.replace("_", "-")
        if isinstance(field.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            kind = cast("type[int | float]", type(field.default))
            parser.add_argument(flag, type=kind, default=field.default)
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    options = Options(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Options)})
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = running(
        place=Place(host=arguments.host, port=arguments.port),
        options=options,
        clock=time.time,  # noqa: TID251  the process's real clock begins here
        secret=secrets.token_bytes(32),
        token=arguments.token,
        contract=arguments.contract,
    )
    async with serving as addresses:
        line = json.dumps(addresses)
        if arguments.control_file is not None:
            _write_whole(arguments.control_file, line)
        print(line, flush=True)
        await stop.wait()


def _write_whole(path: Path, text: str) -> None:
    """Readers see nothing or all of it; it holds a token, so only its owner may read it."""
    partial = path.with_name(path.name + ".part")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    partial.replace(path)


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
