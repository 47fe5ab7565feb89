"""From where files may be fetched: an allow-list of origins, and no private address behind a public name."""

import ipaddress

import httpx

PUBLIC_ORIGINS = frozenset(
    {
        "https://cdn.discordapp.com",
        "https://media.discordapp.net",
        "https://images-ext-1.discordapp.net",
        "https://images-ext-2.discordapp.net",
    }
)
"""Discord's file servers, and its proxies for pictures of embeds (so that the site itself is never asked by us).

They are reached at public addresses only. Other origins on the list are the operator's own choice.
"""

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str | None:
    """`https://host` or `https://host:port` in lower case; `None` for anything but plain http(s), or with a user."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    if parsed.scheme not in _PORTS or not parsed.host or parsed.userinfo:
        return None
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{parsed.scheme}://{host}" + (f":{parsed.port}" if parsed.port not in {None, _PORTS[parsed.scheme]} else "")


def is_public(address: str) -> bool:
    """True for an address of the open internet; false for anything else, and for what is no address."""
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False
