"""An S3-compatible store of the tests' own, from a wheel (moto): a process on loopback that ends with them."""

import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

import httpx
import pytest

_SECONDS = 30


@contextmanager
def started() -> Generator[str]:
    """Its address; skips the test where moto or what it serves with is not installed."""
    for needed in ("moto", "flask", "flask_cors"):
        if find_spec(needed) is None:
            pytest.skip(f"the S3-compatible store for tests (moto) needs {needed}, which is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _until_it_answers(address)
            yield address
        finally:
            server.kill()


def make_bucket(address: str, name: str) -> None:
    httpx.put(f"{address}/{name}", headers=_SIGNED).raise_for_status()


_SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=tests/20261122/us-east-1/s3/aws4_request, Signature=none"}


def _until_it_answers(address: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            httpx.get(f"{address}/moto-api/")
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the S3-compatible store does not start"
            time.sleep(0.05)
        else:
            return
