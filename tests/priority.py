"""Gives a test back the priority that it began with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_priority() -> Iterator[None]:
    """For calls of SVT-AV1: it gives its caller the highest real-time priority where it may, and leaves it so.

    A process that is so and waits in the kernel for one that is not may wait for ever.
    """
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameter)
