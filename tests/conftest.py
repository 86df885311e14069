"""Settings all tests share; this file also makes `tests/make.py` importable from every folder."""

from hypothesis import HealthCheck, settings

settings.register_profile("datapipe", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("datapipe")
