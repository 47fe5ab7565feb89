"""Tables, lanes, quotas, migrations."""
