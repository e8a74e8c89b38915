"""Rules between settings: combinations that each key alone allows and the node cannot run with.

Pure. Every rule names the key to change and what it may be.
"""

import ipaddress
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from config.errors import ConfigError, Words, shown
from config.settings import SQLITE, Settings

OriginOf = Callable[[str], str]
_Fault = tuple[str, Words]


def check(settings: Settings, origin_of: OriginOf) -> None:
    """Raise ConfigError for the first rule broken; `origin_of("media.port")` tells where a key was set."""
    for rule in (
        _addresses,
        _certificate,
        _origins,
        _proxies,
        _plane_ports,
        _tcp_ports,
        _turn,
        _room,
        _database,
        _webhooks,
        _digests,
    ):
        for key, problem in rule(settings):
            raise ConfigError(origin_of(key), key, problem)


def _addresses(settings: Settings) -> Iterator[_Fault]:
    media = settings.media
    for key, value in (("http.host", settings.http.host), ("media.bind", media.bind)):
        if _address(value) is None:
            yield (
                key,
                Words(
                    f"{shown(value)} 不是 IP 地址；:: 表示全部地址，0.0.0.0 仅 IPv4",
                    f"{shown(value)} is not an IP address; :: is every address, 0.0.0.0 every IPv4 one",
                ),
            )
    bind = _address(media.bind)
    for value in media.advertised_addresses:
        address = _address(value)
        if address is None or address.is_unspecified or address.is_multicast:
            yield (
                "media.advertised_addresses",
                Words(
                    f"{shown(value)} 不是对端可达的 IP 地址",
                    f"{shown(value)} is not an IP address that peers can reach",
                ),
            )
        elif bind is not None and media.bind != "::" and bind.version != address.version:
            yield (
                "media.advertised_addresses",
                Words(
                    f"{value} 与 media.bind = {media.bind} 不同类；用 IPv{bind.version} 或 media.bind 用 ::",
                    f"{value} cannot be reached through media.bind = {media.bind}; "
                    f"give an IPv{bind.version} address or set media.bind to ::",
                ),
            )


def _certificate(settings: Settings) -> Iterator[_Fault]:
    http = settings.http
    if bool(http.certificate) != bool(http.key):
        given, lacking = ("certificate", "key") if http.certificate else ("key", "certificate")
        yield (
            f"http.{given}",
            Words(
                f"须同时设 http.{lacking}（或两者都为空）",
                f"needs http.{lacking} set too (or leave both empty)",
            ),
        )
    if http.certificate and not http.tls:
        yield (
            "http.tls",
            Words(
                "设了 http.certificate 就须为 true（或清空证书）",
                "must be true when http.certificate is set (or empty that)",
            ),
        )


def _origins(settings: Settings) -> Iterator[_Fault]:
    origins = settings.http.allowed_origins
    if "*" in origins and len(origins) > 1:
        yield (
            "http.allowed_origins",
            Words('"*" 已含全部来源，须单独使用', '"*" means every origin and must stand alone'),
        )


def _proxies(settings: Settings) -> Iterator[_Fault]:
    for value in settings.http.trusted_proxies:
        try:
            network = ipaddress.ip_network(value)
        except ValueError:
            network = None
        if network is None or network.prefixlen == 0:
            yield (
                "http.trusted_proxies",
                Words(
                    f"{shown(value)} 不是代理的 IP 地址或网段（网段的主机位须为 0，不可为全部地址）",
                    f"{shown(value)} is not the IP address or network of a proxy "
                    "(a network has no host bits set and is not every address)",
                ),
            )


def _plane_ports(settings: Settings) -> Iterator[_Fault]:
    media = settings.media
    if media.ports[-1] > 65_535:
        highest = 65_536 - media.threads
        yield (
            "media.port",
            Words(
                f"{media.threads} 个线程用连续端口，media.port 须不大于 {highest}",
                f"{media.threads} threads take consecutive ports, so media.port must be at most {highest}",
            ),
        )


def _tcp_ports(settings: Settings) -> Iterator[_Fault]:
    media = settings.media
    if media.tcp and media.tcp_ports[-1] > 65_535:
        highest = 65_536 - media.threads
        yield (
            "media.tcp_port",
            Words(
                f"{media.threads} 个线程用连续端口，media.tcp_port 须不大于 {highest}",
                f"{media.threads} threads take consecutive ports, so media.tcp_port must be at most {highest}",
            ),
        )
    if settings.http.port in media.tcp_ports:
        yield (
            "media.tcp_port" if media.tcp_port else "media.port",
            Words(
                f"TCP {settings.http.port} 已为 http.port 所用，请改用别的端口，或设 media.tcp = false"
                "（http.media = true 可共用）",
                f"TCP {settings.http.port} is http.port already; choose another, or set media.tcp to false "
                "(and http.media to true, to share it)",
            ),
        )


def _turn(settings: Settings) -> Iterator[_Fault]:
    turn = settings.turn
    for url in turn.urls:
        scheme, _, rest = url.partition(":")
        try:
            parts = urlsplit(f"//{rest}")
            sound = parts.port != 0 and ("[" not in rest or _address(parts.hostname or "") is not None)
        except ValueError:
            sound = False
        if not sound:
            yield (
                "turn.urls",
                Words(
                    f"{shown(url)} 的主机或端口无效；端口须为 1 到 65535",
                    f"{shown(url)} has no valid host or port; a port is from 1 to 65535",
                ),
            )
        elif scheme == "turns" and rest.endswith("udp"):
            yield (
                "turn.urls",
                Words(
                    f"{shown(url)} 无浏览器支持；turns: 须经 tcp", f"{shown(url)}: no browser can; turns: goes over tcp"
                ),
            )
    needs = any(url.startswith("turn") for url in turn.urls)
    if needs != bool(turn.secret):
        yield (
            "turn.secret",
            Words("须与 turn.urls 中的 turn: 地址同设", "goes with turn: addresses in turn.urls, and they with it"),
        )


def _room(settings: Settings) -> Iterator[_Fault]:
    limits, room = settings.limits, settings.media.max_transports
    wanted = limits.max_sources + limits.max_viewers
    if wanted > room:
        yield (
            "media.max_transports",
            Words(
                f"{room} 不够，须至少为 limits.max_sources + limits.max_viewers = {wanted}",
                f"{room} is too few, expected at least limits.max_sources + limits.max_viewers = {wanted}",
            ),
        )


def _webhooks(settings: Settings) -> Iterator[_Fault]:
    seen: set[str] = set()
    for number, hook in enumerate(settings.webhook, 1):
        if hook.url in seen:
            words = Words("与前面的 url 重复；须各不相同", "has the url of one before it; each must be its own")
            yield f"webhook {number}.url", words
        seen.add(hook.url)
        if _port(hook.url) == 0:
            yield f"webhook {number}.url", Words("端口须为 1 到 65535", "its port must be from 1 to 65535")


def _digests(settings: Settings) -> Iterator[_Fault]:
    digests = settings.recording.digests
    if "sha256" not in digests or len(set(digests)) != len(digests):
        words = Words('"sha256" 须在其中，各一次', '"sha256" must be among them, and each once')
        yield "recording.digests", words


def _port(url: str) -> int | None:
    """Return the port in an address, None without one, 0 where it cannot be."""
    try:
        return urlsplit(url).port
    except ValueError:
        return 0


def _database(settings: Settings) -> Iterator[_Fault]:
    url = settings.database.url
    if url.startswith(SQLITE) or not url:
        return
    try:
        parts = urlsplit(url)
        complete = bool(parts.path.strip("/")) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        # Not shown: it may hold a password.
        yield (
            "database.url",
            Words(
                "应为 postgresql://用户:口令@主机:端口/库，口令中的特殊字符须写作 %XX",
                "must be postgresql://user:password@host:port/name, special characters of the password written as %XX",
            ),
        )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
