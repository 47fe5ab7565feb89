"""Where a result may be fetched from. A vendor's answer is data: it must not send us into our own network."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from bot.domain.errors import Rejected, Unavailable
from bot.domain.reasons import reason

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → IP addresses, best first. Raises `OSError`."""

_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a key may be sent to."""

    scheme: str
    host: str
    port: int


def origin_of(url: httpx.URL) -> Origin:
    """The origin of a URL, with the scheme's own port when none is written."""
    return Origin(url.scheme, url.host.lower(), url.port or _PORTS.get(url.scheme, 0))


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """The system's addresses of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def checked_addresses(url: httpx.URL, *, trusted: Collection[Origin], resolve: Resolver) -> Sequence[str]:
    """The addresses to connect to: none for a trusted origin (its name will do), else public ones of an https host.

    The caller connects to exactly these, so that a second answer of the DNS cannot lead elsewhere. `Rejected` when the
    place is forbidden (one private address among them is enough), `Unavailable` when the name cannot be resolved.
    """
    origin = origin_of(url)
    if url.userinfo or not origin.host:
        raise _forbidden("credentials or no host in the address")
    if origin in trusted:
        return ()
    if origin.scheme != "https":
        raise _forbidden("not https")
    try:
        addresses = await resolve(origin.host, origin.port)
    except (OSError, UnicodeError) as error:
        raise Unavailable(reason("vendor-unreachable"), detail="the name cannot be resolved") from error
    if not addresses or not all(is_public(address) for address in addresses):
        raise _forbidden("not a public address")
    return addresses


def is_public(address: str) -> bool:
    """True for a global unicast address; IPv4 inside IPv6 is judged by the IPv4 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a scope (`fe80::1%eth0`) or no address at all
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        ip = _inner(ip) or ip
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _forbidden(why: str) -> Rejected:
    return Rejected(reason("result-gone"), detail=f"the result's address is not allowed: {why}")
