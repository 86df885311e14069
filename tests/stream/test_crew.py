"""The threads of a stream: whoever waits for them is let go, whatever ends them."""

from __future__ import annotations

import threading
import time

from datapipe.stream.crew import Crew, settle


def test_waiting_ends_for_calls_that_closing_dropped():
    crew, gate = Crew(1), threading.Event()
    running = crew.submit(gate.wait, 10)
    dropped = [crew.submit(int) for _ in range(3)]
    waiter = threading.Thread(target=settle, args=([running, *dropped],))
    waiter.start()
    closer = threading.Thread(target=crew.close)
    closer.start()
    while not dropped[-1].cancelled():
        time.sleep(0.001)
    gate.set()
    closer.join(10)
    waiter.join(10)
    assert not waiter.is_alive() and not closer.is_alive()
