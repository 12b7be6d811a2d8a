"""Waiting for a condition, never for a time."""

import time

from .failure import Failure

# Machines are shared: long enough for a slow one, and used up only by a failure.
PATIENCE_S = 30


def until(what, condition, patience=PATIENCE_S):
    """Waits until the condition gives something true, and returns that."""
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"waited {patience} s for: {what}")
        time.sleep(0.05)
