"""What can be turned on this Discord, with its real defaults."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Lives in seconds, sizes in bytes. A test shortens a life instead of waiting for it."""

    nonce_life_seconds: float = 300.0  # docs: "in the past few minutes"
    interaction_life_seconds: float = 900.0
    first_response_seconds: float = 3.0
    link_life_seconds: float = 86_400.0  # announced as about a day, 2024-04
    resume_life_seconds: float = 60.0  # not documented; long enough for a reconnect
    upload_limit_bytes: int = 10 * MIB
    request_limit_bytes: int = 25 * MIB
    heartbeat_ms: int = 41_250
    global_per_second: int = 50
    bucket_limit: int = 0  # requests per route and channel in a window; 0 is no limit (Discord's are not published)
    bucket_window_seconds: float = 5.0
    message_content: bool = False  # privileged: granted or not, for the gateway and for reads over HTTP
    menu_reply_content: bool = False  # is the content of what a menu's target replies to there? not documented
    members_intent: bool = False  # privileged
    presences_intent: bool = False  # privileged
