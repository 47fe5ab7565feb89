"""`python -m sandbox.oxen`: an Oxen on loopback. Prints one JSON line when it is ready, stops at SIGTERM.

The line: `{"base": "http://127.0.0.1:PORT", "key": "…", "control": "http://127.0.0.1:PORT/control"}`.
"""

import asyncio
import logging
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import structlog

from sandbox.oxen.server import Options, serve
from sandbox.oxen.settings import Settings


@click.command(context_settings={"show_default": True})
@click.option("--port", default=0, help="0: any free one.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder for results and references. Default: temporary.")
@click.option("--renders", type=click.Path(path_type=Path), help="Folder for renders to use again. Default: in --data.")
@click.option("--contract", type=click.Path(exists=True, path_type=Path), help="The vendor's OpenAPI file.")
@click.option("--workers", type=click.IntRange(1), default=1, help="Renders at once.")
@click.option("--key", help="The API key to ask for. Default: a random one.")
@click.option("--username", default="rushes", help="Whose key it is: the default namespace.")
@click.option("--schema", "schema_version", type=click.Choice(["v1", "v2", "v3"]), default="v1")
@click.option("--schema-key", type=click.Choice(["request_schema", "json_request_schema"]), default="request_schema")
@click.option("--async-contract", type=click.Choice(["2026-05-11", "2026-04-14"]), default="2026-05-11")
@click.option("--queue-seconds", type=float, default=0.0, help="Time a job stays queued.")
@click.option("--render-seconds", type=float, default=2.0, help="Least time a job stays processing.")
@click.option("--quick-render", is_flag=True, help="Use an identical earlier render again.")
@click.option("--stock-render", is_flag=True, help="Let all clips of one shape show the same.")
@click.option("--keep-alive-seconds", type=float, default=15.0, help="Between comments on an idle event stream.")
@click.option("--link-seconds", type=float, default=3600.0, help="Life of a signed result link.")
@click.option("--result-links", type=click.Choice(["presigned", "bearer"]), default="presigned")
@click.option("--unknown-fields", type=click.Choice(["ignore", "fail"]), default="ignore", help="In a job's body.")
@click.option("--balance", default="1000", help="Credits, in USD.")
def main(
    *,
    port: int,
    data: Path | None,
    renders: Path | None,
    contract: Path | None,
    workers: int,
    key: str | None,
    **rest: Any,  # noqa: ANN401  Settings checks them
) -> None:
    """An Oxen on loopback: the inference API for one video model, with real renders and faults on demand."""
    # Standard output carries the ready line and nothing else.
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    settings = Settings.model_validate({"key": key or f"oxen-{secrets.token_hex(16)}", **rest})
    with tempfile.TemporaryDirectory(prefix="oxen-") as folder:
        data = data or Path(folder)
        options = Options(port=port, data=data, renders=renders or data / "renders", workers=workers, contract=contract)
        asyncio.run(serve(options, settings))


if __name__ == "__main__":
    main()
