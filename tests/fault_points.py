"""Where a crash would hurt most, in the order in which one request with one take and one file to tidy passes them.

The unit test of crashes proves the list complete; the restart test kills a real bot at each."""

EVERY_POINT = [
    "request.draft",
    "request.queued",
    "posted:card",
    "request.preparing",
    "conformed",
    "recorded-made",
    "request.working",
    "staged",
    "take.submitting",
    "paid",
    "take.rendering",
    "take.fetching",
    "kept-clip",
    "take.fetched",
    "request.delivering",
    "posted:result-1",
    "delivered",
    "request.delivered",
]

SHRINKING_POINTS = [
    "request.delivering",
    "kept-smaller",
    "made-smaller",
    "posted:result-1",
    "delivered",
    "request.delivered",
]
"""The same from there on for a clip that has to be made smaller."""
