"""The command line as people use it: what it prints, its exit status, one line for every fault."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import sample_text
from huishang import __version__
from tests.patience import PATIENCE_S
from tests.ports import free_ports


def environment(**settings: str) -> dict[str, str]:
    """Give our environment with settings in it and none from outside."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HUISHANG_")}
    return {**clean, "PYTHONPATH": str(Path(__file__).parents[2]), **settings}


def huishang(*arguments: str, folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end in `folder`."""
    argv = [sys.executable, "-m", "huishang", *arguments]
    return subprocess.run(
        argv, cwd=folder, env=environment(**settings), capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_init_makes_everything_once(tmp_path: Path) -> None:
    first = huishang("init", folder=tmp_path)
    assert first.returncode == 0 and first.stderr == ""
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    tls = {"var/tls/ca.key", "var/tls/ca.pem", "var/tls/server.key", "var/tls/server.pem"}
    assert made == {"var/huishang.toml", "var/tokens.toml", "var/access-keys.json"} | tls
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    second = huishang("init", folder=tmp_path)
    assert second.returncode == 0 and "nothing changed" in second.stdout
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_init_prints_no_secret(tmp_path: Path) -> None:
    output = huishang("init", "--dir", "data", folder=tmp_path).stdout
    tokens = tomllib.loads((tmp_path / "data/tokens.toml").read_text())["token"]
    assert len(tokens) == 3 and not any(token["secret"] in output for token in tokens)


def test_config_check_accepts_what_init_made(tmp_path: Path) -> None:
    huishang("init", folder=tmp_path)
    checked = huishang("config", "check", folder=tmp_path)
    assert checked.returncode == 0 and checked.stdout.startswith("var/huishang.toml: ")


def test_config_sample_prints_the_sample(tmp_path: Path) -> None:
    assert huishang("config", "sample", folder=tmp_path).stdout == sample_text()


@pytest.mark.parametrize("command", [["serve"], ["run", "--no-demo"], ["config", "check"], ["demo"]])
def test_wrong_settings_are_one_line_and_status_2_and_nothing_is_made(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[media]\nthreads = 0\n")
    done = huishang(*command, "--config", str(path), folder=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"{path}: media.threads: ") and done.stderr.count("\n") == 1
    assert "a whole number from 1 to 64" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.toml"]


def test_config_check_reads_the_tokens_too(tmp_path: Path) -> None:
    huishang("init", folder=tmp_path)
    (tmp_path / "var/tokens.toml").write_text("[[token]]\nname = 'a'\n")
    done = huishang("config", "check", folder=tmp_path)
    assert done.returncode == 2 and "lacks secret, verbs" in done.stderr and done.stderr.count("\n") == 1


def test_damaged_authority_is_one_line_and_status_1(tmp_path: Path) -> None:
    huishang("init", folder=tmp_path)
    (tmp_path / "var/tls/ca.pem").write_bytes(b"")
    done = huishang("serve", folder=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "var/tls" in done.stderr


def test_unknown_command_is_status_2(tmp_path: Path) -> None:
    assert huishang("fly", folder=tmp_path).returncode == 2


def test_version(tmp_path: Path) -> None:
    assert huishang("--version", folder=tmp_path).stdout == f"{__version__}\n"


def test_terminal_without_chinese_is_no_obstacle(tmp_path: Path) -> None:
    done = huishang("init", folder=tmp_path, PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0 and "made var/huishang.toml" in done.stdout


def on_loopback() -> dict[str, str]:
    """Give settings that keep a server on loopback, at free ports."""
    return {
        "HUISHANG_HTTP__HOST": "127.0.0.1",
        "HUISHANG_HTTP__PORT": str(free_ports()),
        "HUISHANG_MEDIA__BIND": "127.0.0.1",
        "HUISHANG_MEDIA__PORT": str(free_ports()),
        "HUISHANG_MEDIA__ADVERTISED_ADDRESSES": "127.0.0.1",
    }


def first_url(process: "subprocess.Popen[str]") -> str:
    """Read what a server prints until the first address."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"https://\S+", line):
            return found[0]
    raise AssertionError("ended before it printed an address")


@pytest.fixture
def node(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run an empty node on loopback; killed if the test leaves it."""
    argv = [sys.executable, "-m", "huishang", "run", "--no-demo"]
    environ = environment(**on_loopback())
    with subprocess.Popen(argv, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_run_prints_an_address_that_opens_and_stops_at_ctrl_c(node: "subprocess.Popen[str]", tmp_path: Path) -> None:
    base, _, token = first_url(node).partition("/#token=")
    trust = ssl.create_default_context(cafile=tmp_path / "var/tls/ca.pem")
    with urllib.request.urlopen(f"{base}/", context=trust, timeout=PATIENCE_S) as page:
        assert page.status == 200 and "text/html" in page.headers["Content-Type"]
    asked = urllib.request.Request(f"{base}/api/v1/sources", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked, context=trust, timeout=PATIENCE_S) as answer:
        assert answer.status == 200
    node.send_signal(signal.SIGINT)
    assert node.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_port_in_use_is_one_line_that_names_it_and_status_1(kind: socket.SocketKind, tmp_path: Path) -> None:
    settings = on_loopback()
    key = "HUISHANG_HTTP__PORT" if kind == socket.SOCK_STREAM else "HUISHANG_MEDIA__PORT"
    huishang("init", folder=tmp_path)
    with socket.socket(type=kind) as taken:
        taken.bind(("127.0.0.1", int(settings[key])))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        done = huishang("serve", folder=tmp_path, **settings)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert settings[key] in done.stderr and "change http.port or media.port" in done.stderr
