"""Who carries a request's next steps."""
