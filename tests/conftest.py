"""Settings all tests share; this file also makes `tests/make.py` importable from every folder."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("datapipe", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("datapipe")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # started in the background by a shell: Ctrl-C is ignored, and programs the tests start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
