"""`make run DEMO=0`: a node of one's own, with nothing in it but the way in for its first administrator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.huishang.test_run_demonstration import Interface, group, running
from tests.media.preloaded import ROOT
from tests.patience import PATIENCE_S

FIRST = {"login": "admin", "password": "correct horse battery", "name": "张伟", "organisation": "江东省应急管理厅"}


def command() -> list[str]:
    """Return what make would run, with this interpreter for the one it names."""
    said = subprocess.run(["make", "-n", "run", "DEMO=0"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    executed, program, *rest = said.splitlines()[-1].split()
    assert (executed, Path(program).name) == ("exec", "python")
    return [sys.executable, *rest]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with running(command(), tmp_path) as process:
        yield process


def test_nothing_is_there_but_the_one_time_link_of_the_first_administrator(
    job: subprocess.Popen[str], tmp_path: Path
) -> None:
    ask, code = Interface.of(job, tmp_path)

    assert group(job.pid) == {job.pid}, "the server alone"
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask("/session", {"login": FIRST["login"], "password": FIRST["password"]})
    assert refused.value.code == 401, "nobody is known to it"
    signed = ask("/session", {"welcome": code, **FIRST})
    token, person = signed["token"], signed["person"]
    assert signed.get("consultation", "") == ""
    # What the first administrator has just said of themselves is all there is.
    (unit,) = ask("/units", token=token)["items"]
    assert unit["name_zh"] == FIRST["organisation"]
    (listed,) = ask(f"/people?unit={unit['id']}", token=token)["items"]
    assert (listed["id"], listed["name"]) == (person["id"], FIRST["name"])
    for empty in (f"units?parent={unit['id']}", f"endpoints?unit={unit['id']}", "consultations"):
        assert ask(f"/{empty}", token=token)["items"] == []
    assert ask("/sources", token=token)["sources"] == []
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask("/session", {"welcome": code, **FIRST, "login": "another"})
    os.killpg(job.pid, signal.SIGINT)
    assert job.wait(PATIENCE_S) == 0
