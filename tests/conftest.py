"""Hypothesis profiles: HYPOTHESIS_PROFILE chooses dev (default), ci or deep."""

import os

from hypothesis import HealthCheck, settings

for name, examples in (("dev", 50), ("ci", 500), ("deep", 10_000)):
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        # Models in Python are slow on a busy machine; tests assert bytes, never times.
        suppress_health_check=[HealthCheck.too_slow],
        # The same examples each time, so that a commit that passes keeps passing.
        derandomize=name == "dev",
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
