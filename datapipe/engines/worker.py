"""The other end of `local.py`: a process that calls one pure function on what it is sent.

Started as `python -m datapipe.engines.worker MODULE:FUNCTION`; specs come pickled on stdin, answers go
pickled to stdout. It ends when stdin closes, so it never outlives the process that started it, however that
one died.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import traceback
from importlib import import_module
from typing import Any


def main() -> None:
    """Serve until the parent is gone."""
    module, _, name = sys.argv[1].partition(":")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the protocol
    function = getattr(import_module(module), name)
    specs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(specs,), daemon=True).start()

    def say(kind: str, value: Any) -> None:
        answer = pickle.dumps((kind, value), pickle.HIGHEST_PROTOCOL)  # whole, or nothing is said
        try:
            answers.write(answer)
            answers.flush()
        except BrokenPipeError:  # the parent is gone
            os._exit(1)

    while True:
        spec = specs.get()
        try:
            say("done", function(spec, lambda amount: say("advance", amount)))
        except Exception as error:
            say("failed", _sendable(error))


def _sendable(error: Exception) -> Exception:
    """The error itself if it survives the way to the parent, else its traceback in one that does."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error


def _listen(specs: queue.SimpleQueue[Any]) -> None:
    """Take specs in. A closed stdin means that the parent has ended or died: stop at once."""
    while True:
        try:
            specs.put(pickle.load(sys.stdin.buffer))
        except (EOFError, pickle.UnpicklingError):  # the latter: it died while it sent one
            os._exit(0)
        except Exception:  # a spec that cannot be read: without this, both sides would wait for ever
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main()
