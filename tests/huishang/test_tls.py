"""The server's TLS context, seen through real handshakes on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ifaddr
import pytest
import structlog
from cryptography.x509 import load_pem_x509_certificate

from config import Settings, load
from huishang.errors import StartError
from huishang.files import only_one
from huishang.home import prepare, write_settings
from huishang.tls import keep_fresh, server_context
from tests.patience import until

NOW = datetime.now(UTC)


def home_in(folder: Path, made: datetime = NOW) -> Settings:
    """Make a data folder at a given time and load its settings."""
    write_settings(folder)
    settings = load(folder / "huishang.toml", {})
    prepare(settings, made)
    return settings


async def end_of_certificate(port: int, settings: Settings, host: str = "127.0.0.1") -> datetime:
    """Shake hands as a client that trusts the local authority only; give when the served certificate ends."""
    trust = ssl.create_default_context(cafile=settings.authority_path)
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=host)
    certificate = writer.get_extra_info("ssl_object").getpeercert()
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    writer.close()
    await writer.wait_closed()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


def end_in_file(settings: Settings) -> datetime:
    return load_pem_x509_certificate(settings.certificate_path.read_bytes()).not_valid_after_utc


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A TLS server that reads and closes; gives its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def due(folder: Path) -> AsyncIterator[tuple[Settings, ssl.SSLContext, int]]:
    """A server whose certificate is due for renewal."""
    settings = home_in(folder, NOW - timedelta(days=370))
    context = server_context(settings)
    async with serving(context) as port:
        yield settings, context, port


@asynccontextmanager
async def kept_fresh(context: ssl.SSLContext, settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(keep_fresh(context, settings, every_s=0.01))
    yield
    task.cancel()


async def renewed(port: int, settings: Settings, old: datetime) -> datetime:
    """Wait for another certificate; give when it ends."""
    end: datetime = await until(
        "another certificate", lambda: end_of_certificate(port, settings), lambda end: end != old
    )
    return end


async def test_client_that_trusts_the_authority_connects_by_name_and_address(tmp_path: Path) -> None:
    settings = home_in(tmp_path)
    async with serving(server_context(settings)) as port:
        for host in ("localhost", "127.0.0.1"):
            assert await end_of_certificate(port, settings, host) == end_in_file(settings)
        with pytest.raises(ssl.SSLCertVerificationError):
            await end_of_certificate(port, settings, "example.org")


async def test_due_certificate_is_renewed_and_served_without_a_restart(tmp_path: Path) -> None:
    async with due(tmp_path) as (settings, context, port):
        old = await end_of_certificate(port, settings)
        async with kept_fresh(context, settings):
            assert await renewed(port, settings, old) == end_in_file(settings) > old


async def test_renewal_that_waits_for_another_process_holds_nobody_up(tmp_path: Path) -> None:
    async with due(tmp_path) as (settings, context, port):
        old = await end_of_certificate(port, settings)
        async with kept_fresh(context, settings):
            with only_one(settings.data_path):  # as `huishang init` does meanwhile
                for _ in range(20):
                    assert await end_of_certificate(port, settings) == old
            assert await renewed(port, settings, old) > old


async def test_renewal_goes_on_after_any_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def no_adapters() -> list[ifaddr.Adapter]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise ValueError("an address family nobody knows")
        return []

    async with due(tmp_path) as (settings, context, port):
        monkeypatch.setattr(ifaddr, "get_adapters", no_adapters)
        old = await end_of_certificate(port, settings)
        with structlog.testing.capture_logs() as events:
            async with kept_fresh(context, settings):
                assert await renewed(port, settings, old) > old
    assert asked >= 3
    assert [one["exc_info"] for one in events if one["event"] == "certificate_not_renewed"] == [True, True]


async def test_half_copied_pair_is_not_served_and_the_whole_one_is(tmp_path: Path) -> None:
    own, other = home_in(tmp_path / "own"), home_in(tmp_path / "other", NOW - timedelta(days=1))
    (tmp_path / "s.toml").write_text('http = {certificate = "own/tls/server.pem", key = "own/tls/server.key"}')
    settings = load(tmp_path / "s.toml", {})
    context = server_context(settings)
    async with serving(context) as port:
        old = await end_of_certificate(port, own)
        with structlog.testing.capture_logs() as events:
            async with kept_fresh(context, settings):
                await asyncio.sleep(0)
                own.certificate_path.write_bytes(other.certificate_path.read_bytes())
                await until("a complaint", lambda: [one["event"] for one in events if "not_renewed" in one["event"]])
                assert await end_of_certificate(port, own) == old
                own.key_path.write_bytes(other.key_path.read_bytes())
                await until("the new pair", lambda: [one["event"] for one in events if "loaded" in one["event"]])
        assert await end_of_certificate(port, other) != old


@pytest.mark.parametrize("name", ["server.pem", "server.key"])
def test_absent_file_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    settings = home_in(tmp_path)
    (settings.tls_path / name).unlink()
    with pytest.raises(StartError, match="huishang init") as caught:
        server_context(settings)
    assert str(settings.tls_path / name) in str(caught.value)


def test_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, two = home_in(tmp_path / "one"), home_in(tmp_path / "two")
    one.key_path.write_bytes(two.key_path.read_bytes())
    with pytest.raises(StartError, match="not a PEM certificate and its key"):
        server_context(one)
