"""The log: one line an event, ours and the libraries', as text or JSON."""

import json
import subprocess
import sys

from tests.patience import PATIENCE_S

CODE = """
import logging, sys
import structlog
from config import Log
from huishang.log import configure
configure(Log(level=sys.argv[1], json=sys.argv[2] == "json"))
structlog.get_logger("media").info("source_published", source="东河乡", line="a\\nb")
structlog.get_logger("media").debug("hidden")
logging.getLogger("aiohttp.access").info("GET /")
logging.getLogger("aiohttp.server").warning("odd %s", "request")
"""


def logged(level: str, form: str) -> str:
    """Run the code above and give what it wrote on standard error; standard output must stay empty."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, level, form], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_json_is_one_object_a_line_for_ours_and_the_libraries() -> None:
    ours, library = map(json.loads, logged("info", "json").splitlines())
    assert (ours["event"], ours["source"], ours["level"]) == ("source_published", "东河乡", "info")
    assert ours["line"] == "a\nb" and ours["logger"] == "media" and ours["timestamp"].endswith("Z")
    assert (library["event"], library["level"]) == ("odd request", "warning")


def test_text_has_one_line_an_event() -> None:
    text = logged("info", "text")
    assert len(text.splitlines()) == 2 and "source=东河乡" in text and "\x1b" not in text


def test_level_hides_what_is_below() -> None:
    assert "source_published" not in logged("warning", "text")
    assert "hidden" in logged("debug", "text")
