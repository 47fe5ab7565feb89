"""A Discord and an Oxen on loopback, and the demo."""
