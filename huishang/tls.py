"""The server's TLS context, kept fresh: certificates end while a node runs for years.

Reads the configured files; the local authority's it also renews.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from config import Settings
from huishang.errors import StartError
from huishang.home import prepare

REFRESH_EVERY_S = 6 * 3600.0

_log = structlog.get_logger(__name__)


def server_context(settings: Settings) -> ssl.SSLContext:
    """Build the context for HTTPS (TLS 1.2 or later, HTTP/1.1). Raises StartError naming the file."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load(context, settings.certificate_path, settings.key_path)
    return context


async def keep_fresh(
    context: ssl.SSLContext,
    settings: Settings,
    *,
    every_s: float = REFRESH_EVERY_S,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Renew the local certificate when due and load changed files into `context`; runs until cancelled.

    New connections get the new certificate. A fault is logged and tried again; the old one stays in use.
    """
    loaded = _stamp(settings)
    while True:
        await asyncio.sleep(every_s)
        try:
            # In a thread: another process may hold the folder's lock, and the disk may be slow.
            stamp = await asyncio.to_thread(_renew, settings, now(), loaded)
            if stamp != loaded:
                _load(context, settings.certificate_path, settings.key_path)
                loaded = stamp
                _log.info("certificate_loaded", path=str(settings.certificate_path))
        except StartError as error:
            _log.warning("certificate_not_renewed", reason=str(error))
        except Exception:  # so broad, because this task's end is the node's: the old certificate serves on
            _log.exception("certificate_not_renewed")


def _renew(settings: Settings, now: datetime, loaded: tuple[int, ...]) -> tuple[int, ...]:
    """Renew the certificate when due; return the stamp of what can be loaded now."""
    prepare(settings, now)
    stamp = _stamp(settings)
    if stamp != loaded:
        # Tried on a context of its own first: a half-copied pair must not reach the one in use.
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), settings.certificate_path, settings.key_path)
    return stamp


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            hint = "先运行 huishang init / run huishang init first, or set http.certificate and http.key"
            raise StartError(f"{path}: {error.strerror}: {hint}") from None
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except (ssl.SSLError, ValueError) as error:
        raise StartError(
            f"{certificate}, {key}: 证书与私钥无效或不匹配 / not a PEM certificate and its key: {error}"
        ) from None


def _refuse_password() -> str:
    raise ValueError("the key has a password; the server can only use one without")


def _stamp(settings: Settings) -> tuple[int, ...]:
    times: list[int] = []
    for path in (settings.certificate_path, settings.key_path):
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime_ns)
    return tuple(times)
