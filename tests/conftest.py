"""Settings all tests share; this file also makes `tests/make.py` importable from every folder."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("datapipe", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("datapipe")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that starts the tests in the background has Ctrl-C ignored, and every program they start inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)
