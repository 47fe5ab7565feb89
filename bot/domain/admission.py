"""Reasons of the question: may this person, here, now? Said by more rooms than one."""

from collections.abc import Collection, Iterator

from bot.domain.policies import ANYWHERE, Access, Block
from bot.domain.reasons import Reason, reason


def waiting_refusal(waiting: int, drafts: int, limit: int) -> Reason | None:
    """Why no more of a person may wait, or `None`: too-many-waiting, or too-many-own-drafts where a draft could go.

    `drafts`: how many of the `waiting` are drafts that wait for the person.
    """
    if waiting < limit:
        return None
    return Reason("too-many-own-drafts" if drafts else "too-many-waiting", {"count": waiting, "limit": limit})


def blocked(block: Block) -> Reason:
    """What the blocked person is told: why, until when, and whom to ask."""
    anywhere = block.guild_id == ANYWHERE
    if block.expires_at_ms is None:
        return Reason("blocked-anywhere" if anywhere else "blocked", {"why": block.why})
    code = "blocked-anywhere-until" if anywhere else "blocked-until"
    return Reason(code, {"why": block.why, "resets_at": -(-block.expires_at_ms // 1000)})


def access_refusals(access: Access, roles: Collection[int], channel_id: int) -> Iterator[Reason]:
    """Why who has these roles may not ask in that channel; nothing when they may. Denied wins over allowed."""
    denied = access.denied_roles.intersection(roles)
    if denied:
        yield reason("role-denied", role=min(denied))
    elif access.allowed_roles and access.allowed_roles.isdisjoint(roles):
        yield reason("role-needed", role=min(access.allowed_roles))
    open_channels = access.allowed_channels - access.denied_channels
    if channel_id in access.denied_channels or (access.allowed_channels and not open_channels):
        yield reason("channel-denied", channel=channel_id)
    elif open_channels and channel_id not in open_channels:
        yield reason("channel-needed", channel=min(open_channels))
