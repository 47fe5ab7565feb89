"""A Discord on loopback: HTTP, gateway and CDN in one process, with people who act through a control API.

Started with `python -m sandbox.discord`; see `__main__`. Written against Discord's documentation and its OpenAPI file;
what is known only from practice says so where it stands.
"""
