"""Makes references reachable by URL for the vendor."""
