"""Where the bytes live: a folder, or a bucket of an S3-compatible store."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from obstore.store import S3Store

_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`url`: `s3://bucket/prefix`. What is empty is as the environment (AWS_…) or the machine says."""

    url: str
    endpoint: str
    region: str
    key_id: str
    secret: str


def bucket_store(bucket: Bucket) -> S3Store:
    """The store; nothing is connected yet. An endpoint of one's own is addressed by path: few have a name a bucket."""
    parts = urlsplit(bucket.url)
    said = {
        "endpoint": bucket.endpoint,
        "region": bucket.region,
        "access_key_id": bucket.key_id,
        "secret_access_key": bucket.secret,
    }
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config={name: value for name, value in said.items() if value},  # pyright: ignore[reportArgumentType]
        virtual_hosted_style_request=not bucket.endpoint,
        client_options={"allow_http": bucket.endpoint.startswith("http://"), "timeout": f"{_SECONDS}s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=_SECONDS)},
    )
