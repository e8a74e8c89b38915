"""What every test shares: how hypothesis tries."""

from hypothesis import HealthCheck, settings

# A shared machine is slow at times; pytest's own time limit catches what hangs.
settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("test")
