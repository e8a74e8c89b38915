"""What every test shares: how hypothesis tries, how faults are logged, and what a failure shows."""

import gc
from collections.abc import Generator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests import logs

LOG_LINES = 60

# A shared machine is slow at times; pytest's own time limit catches what hangs.
settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("test")

# By default structlog draws all locals of all frames: seconds in which the loop that met the fault stands still. The
# server does not either.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_finish() -> None:
    """Thousands of tests are a heap that is looked through for a quarter of a second, in which a node stands still."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for path in logs.watched:
            report.sections.append(("server log", "\n".join(logs.read(path).splitlines()[-LOG_LINES:])))
    return report
