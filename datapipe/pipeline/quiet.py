"""TensorFlow's import without its chatter, and without hiding what matters."""

from __future__ import annotations

import faulthandler
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

CHATTER = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I\d{4} |To enable the following")
"""Lines that say nothing is wrong: absl's own preface, its level "info", and the rest of such a line."""


def import_tensorflow() -> ModuleType:
    """TensorFlow; the first time some 4 to 8 s.

    Messages of level "info" are left out, unless TF_CPP_MIN_LOG_LEVEL is set to 0.
    """
    if "tensorflow" not in sys.modules and os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1") != "0":
        with _sifted_stderr():
            import tensorflow
    import tensorflow

    module: ModuleType = tensorflow
    return module


@contextmanager
def _sifted_stderr() -> Iterator[None]:
    """Hold back what is written to stderr, by C++ too, and let all but chatter through afterwards.

    Should the process die meanwhile, like TensorFlow on a CPU without AVX, Python says where it was.
    """
    sys.stderr.flush()
    guarded = faulthandler.is_enabled()
    stderr = os.dup(2)
    try:
        with tempfile.TemporaryFile() as held:
            if not guarded:
                faulthandler.enable(stderr)
            os.dup2(held.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(stderr, 2)
                if not guarded:
                    faulthandler.disable()
                held.seek(0)
                for line in held:
                    if not CHATTER.match(line):
                        os.write(2, line)
    finally:
        os.close(stderr)
