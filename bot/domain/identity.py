"""Time, randomness and identity, handed in so that tests can hold them still."""

from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], int]
"""Answers the time now, in Unix milliseconds."""

RandomBits = Callable[[int], int]
"""Answers an integer of that many random bits (the shape of `secrets.randbits`)."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH_MS = 1_735_689_600_000  # 2025-01-01: 41 bits of milliseconds last until 2094
_TIME_BITS, _RANDOM_BITS = 41, 24


def crockford(value: int, length: int) -> str:
    """Writes `value` in `length` characters of Crockford's base 32, lower case."""
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(5 * (length - 1), -1, -5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """Makes ids. Request ids are 13 characters, time-ordered to the millisecond, then 24 random bits."""

    clock: Clock
    random_bits: RandomBits

    def request(self) -> str:
        """A new request id: short enough to say aloud, and with a rung it fits Discord's 25-character nonce."""
        elapsed = max(0, self.clock() - _EPOCH_MS) & ((1 << _TIME_BITS) - 1)
        return crockford(elapsed << _RANDOM_BITS | self.random_bits(_RANDOM_BITS), 13)

    def short(self) -> str:
        """A random id of 8 characters (40 bits), for things that live inside one request."""
        return crockford(self.random_bits(40), 8)


def take_id(request_id: str, ordinal: int) -> str:
    """The id of a request's `ordinal`-th take (from 1)."""
    return f"{request_id}-{ordinal}"
