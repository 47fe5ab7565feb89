"""Where a crash would hurt most, in the order in which one request with one take passes them.

The unit test of crashes proves the list complete; the restart test kills a real bot at each."""

EVERY_POINT = [
    "request.draft",
    "request.queued",
    "posted:card",
    "request.preparing",
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
