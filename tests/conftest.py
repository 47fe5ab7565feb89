"""Settings of every test."""

import os

from hypothesis import HealthCheck, settings

# A busy machine is no defect, so no property test fails for being slow. In CI the examples are the same each time;
# elsewhere they vary, and what they find is added as an example of its own.
settings.register_profile(
    "rushes", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=os.environ.get("CI") == "true"
)
settings.load_profile("rushes")
