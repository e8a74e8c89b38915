"""The settings, their defaults and what each may be.

Values only: reading them is `config.load`, rules between them `config.check`. Units are in the names.
`config/sample.toml` explains every key to the people who set them; a test keeps it equal to this file.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from config.errors import Words


def _words(zh: str, en: str) -> dict[str, Words]:
    return {"allowed": Words(zh, en)}


def _whole(low: int, high: int) -> Meta:
    words = _words(f"{low} 到 {high} 的整数", f"a whole number from {low} to {high}")
    return Meta(ge=low, le=high, extra=words)


def _number(low: float, high: float) -> Meta:
    return Meta(ge=low, le=high, extra=_words(f"{low:g} 到 {high:g} 的数", f"a number from {low:g} to {high:g}"))


NodeName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?\Z",
        extra=_words(
            "1 到 63 个小写字母、数字、点或连字符，首尾为字母或数字",
            "1 to 63 lower-case letters, digits, dots or hyphens, none of the latter two at an end",
        ),
    ),
]
Folder = Annotated[
    str,
    Meta(min_length=1, max_length=4096, extra=_words("目录路径（不可为空）", "the path of a folder, not empty")),
]
OptionalFile = Annotated[
    str,
    Meta(max_length=4096, extra=_words('文件路径，或 "" 表示默认', 'the path of a file, or "" for the default')),
]
Address = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        extra=_words("IP 地址，例如 0.0.0.0 或 ::", "an IP address such as 0.0.0.0 or ::"),
    ),
]
Addresses = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
    Meta(
        max_length=64,
        extra=_words('IP 地址列表，例如 ["203.0.113.7"]', 'a list of IP addresses such as ["203.0.113.7"]'),
    ),
]
Networks = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
    Meta(
        max_length=64,
        extra=_words(
            'IP 地址或网段列表，例如 ["127.0.0.1", "10.0.0.0/8"]',
            'a list of IP addresses or networks such as ["127.0.0.1", "10.0.0.0/8"]',
        ),
    ),
]
Origins = Annotated[
    tuple[Annotated[str, Meta(pattern=r"^(\*|https?://[A-Za-z0-9.:\[\]-]{1,255})\Z")], ...],
    Meta(
        max_length=64,
        extra=_words(
            '来源列表，例如 ["https://portal.example:8443"]，或 ["*"]',
            'a list of origins such as ["https://portal.example:8443"], or ["*"]',
        ),
    ),
]
#: What the URL of an SQLite file begins with; the rest is its path as it is.
SQLITE = "sqlite:///"
DatabaseUrl = Annotated[
    str,
    Meta(
        pattern=r"^(|sqlite:///.+|postgresql://[^\s]+)\Z",
        max_length=4096,
        extra={
            **_words(
                '"" 表示数据目录中的 SQLite，或 sqlite:///路径，或 postgresql://用户:口令@主机/库',
                '"" for SQLite in data_dir, or sqlite:///path, or postgresql://user:password@host/name',
            ),
            "secret": True,
        },
    ),
]


#: A host in a URL: an IPv6 address in brackets, an IPv4 address or a name.
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?)"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Server(_Section, frozen=True, kw_only=True):
    """The node itself. `data_dir` is absolute after `config.load`."""

    node: NodeName = "huishang"
    data_dir: Folder = "./var"
    language: Literal["zh", "en"] = "zh"


class Http(_Section, frozen=True, kw_only=True):
    """Page, WHIP/WHEP and API. `certificate` and `key` are absolute or empty after `config.load`."""

    host: Address = "::"
    port: Annotated[int, _whole(1, 65535)] = 8443
    tls: bool = True
    media: bool = False
    certificate: OptionalFile = ""
    key: OptionalFile = ""
    allowed_origins: Origins = ()
    trusted_proxies: Networks = ()


class Media(_Section, frozen=True, kw_only=True):
    """The packet plane: thread i owns UDP port `port + i`, and a TCP port counted likewise."""

    bind: Address = "::"
    port: Annotated[int, _whole(1, 65535)] = 8500
    tcp: bool = True
    tcp_port: Annotated[int, _whole(0, 65535)] = 0
    threads: Annotated[int, _whole(1, 64)] = 1
    advertised_addresses: Addresses = ()
    send_buffer_bytes: Annotated[int, _whole(65_536, 268_435_456)] = 4_194_304
    receive_buffer_bytes: Annotated[int, _whole(65_536, 268_435_456)] = 4_194_304
    flush_us: Annotated[int, _whole(0, 5_000)] = 800
    max_transports: Annotated[int, _whole(2, 65_536)] = 4_096
    max_ssrcs_per_transport: Annotated[int, _whole(4, 1_024)] = 32
    keyframe_interval_ms: Annotated[int, _whole(100, 10_000)] = 500

    @property
    def ports(self) -> range:
        """The plane's UDP ports, one per thread."""
        return range(self.port, self.port + self.threads)

    @property
    def tcp_ports(self) -> range:
        """Its TCP ports, none where they are off."""
        first = self.tcp_port or self.port
        return range(first, first + self.threads if self.tcp else first)


class Turn(_Section, frozen=True, kw_only=True):
    """A TURN server beside the node, for peers that reach nothing else. `secret` is what it shares with us."""

    urls: Annotated[
        tuple[
            Annotated[
                str,
                # RFC 7064 section 3.1, RFC 7065 section 3.1; ports and IPv6 addresses are looked at by `check`.
                Meta(
                    pattern=rf"^(stuns?:{_HOST}(:[0-9]{{1,5}})?|turns?:{_HOST}(:[0-9]{{1,5}})?(\?transport=(udp|tcp))?)\Z"
                ),
            ],
            ...,
        ],
        Meta(
            max_length=16,
            extra=_words(
                '地址列表，例如 ["turn:turn.example:3478?transport=udp", "turns:turn.example:443?transport=tcp"]',
                'a list of addresses such as ["turn:turn.example:3478?transport=udp", '
                '"turns:turn.example:443?transport=tcp"]',
            ),
        ),
    ] = ()
    secret: Annotated[
        str,
        Meta(
            pattern=r"^([!-~]{16,256})?\Z",
            extra={
                **_words('16 到 256 个可见 ASCII 字符，或 ""', '16 to 256 visible ASCII characters, or ""'),
                "secret": True,
            },
        ),
    ] = ""
    lifetime_s: Annotated[int, _whole(600, 604_800)] = 86_400


class Access(_Section, frozen=True, kw_only=True):
    """Who may publish and watch. `tokens_file` is absolute or empty after `config.load`."""

    tokens_file: OptionalFile = ""


class Database(_Section, frozen=True, kw_only=True):
    """Where what happened can be asked. `url` holds a password; a file in it is absolute after `config.load`."""

    url: DatabaseUrl = ""


class Recording(_Section, frozen=True, kw_only=True):
    """What is recorded, how long it is kept, and who stamps its proof.

    `folder` is absolute or empty after `config.load`. Days are counted from the end of a recording; 0: for ever.
    """

    folder: OptionalFile = ""
    ring_bytes: Annotated[int, _whole(1_048_576, 1_073_741_824)] = 67_108_864
    brief_days: Annotated[int, _whole(0, 36_500)] = 30
    ordinary_days: Annotated[int, _whole(0, 36_500)] = 180
    lasting_days: Annotated[int, _whole(0, 36_500)] = 1_825
    low_bytes: Annotated[int, _whole(1_048_576, 1_125_899_906_842_624)] = 2_147_483_648
    digests: Annotated[
        tuple[Literal["sha256", "sm3"], ...],
        Meta(max_length=2, extra=_words('["sha256"] 或 ["sha256", "sm3"]', '["sha256"] or ["sha256", "sm3"]')),
    ] = ("sha256",)
    key_days: Annotated[int, _whole(0, 36_500)] = 365
    time_stamps: Annotated[
        tuple[Annotated[str, Meta(pattern=rf"^https?://{_HOST}(:[0-9]{{1,5}})?(/[!-~]*)?\Z", max_length=2_048)], ...],
        Meta(
            max_length=8,
            extra=_words(
                '时间戳服务地址列表，例如 ["http://tsa.example/tsr"]',
                'a list of addresses such as ["http://tsa.example/tsr"]',
            ),
        ),
    ] = ()
    time_stamp_certificates: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=4_096)], ...],
        Meta(max_length=8, extra=_words("PEM 证书文件路径列表", "a list of paths of PEM files")),
    ] = ()


class Limits(_Section, frozen=True, kw_only=True):
    """Bounds on what peers may ask of the node."""

    max_sdp_bytes: Annotated[int, _whole(4_096, 1_048_576)] = 65_536
    max_sources: Annotated[int, _whole(1, 65_535)] = 500
    max_viewers: Annotated[int, _whole(1, 65_535)] = 3_000
    silent_after_s: Annotated[float, _number(0.5, 60)] = 4.0


class Log(_Section, frozen=True, kw_only=True):
    """What is told on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: bool = False


class Webhook(_Section, frozen=True, kw_only=True):
    """A receiver that is told the timeline's entries. `verbs`: only these; `consultation.*` means all that begin so."""

    url: Annotated[
        str,
        Meta(
            # No name or password in it: they would stand in logs.
            pattern=rf"^https?://{_HOST}(:[0-9]{{1,5}})?(/[!-~]*)?\Z",
            max_length=2_048,
            extra=_words(
                "http 或 https 地址，不含用户名与密码", "an http or https address without a user and password"
            ),
        ),
    ]
    secret: Annotated[
        str,
        Meta(
            pattern=r"^[!-~]{16,256}\Z",
            extra={
                **_words("16 到 256 个可见 ASCII 字符", "16 to 256 visible ASCII characters"),
                "secret": True,
            },
        ),
    ]
    verbs: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z][a-z-]*\.(\*|[a-z][a-z-]*)\Z", max_length=64)], ...],
        Meta(
            max_length=100,
            extra=_words(
                '动词列表，例如 ["consultation.*"]，[] 表示全部',
                'a list of verbs such as ["consultation.*"], [] for all',
            ),
        ),
    ] = ()

    @property
    def host(self) -> str:
        """Scheme, host and port: what logs may tell of the address."""
        return "/".join(self.url.split("/", 3)[:3])


class Settings(_Section, frozen=True, kw_only=True):
    """All settings of a node. Paths below follow from them; none is promised to exist."""

    server: Server = Server()
    http: Http = Http()
    media: Media = Media()
    turn: Turn = Turn()
    access: Access = Access()
    database: Database = Database()
    recording: Recording = Recording()
    limits: Limits = Limits()
    log: Log = Log()
    webhook: tuple[Webhook, ...] = ()

    @property
    def data_path(self) -> Path:
        """The folder that holds everything this node keeps."""
        return Path(self.server.data_dir)

    @property
    def webhooks_path(self) -> Path:
        """The folder that keeps how far each webhook's receiver is."""
        return self.data_path / "webhooks"

    @property
    def journal_path(self) -> Path:
        """The folder of the timeline's journal, which is the truth of everything."""
        return self.data_path / "journal"

    @property
    def recordings_path(self) -> Path:
        """The folder of recordings and their proof, which together are evidence."""
        return Path(self.recording.folder) if self.recording.folder else self.data_path / "recordings"

    @property
    def exports_path(self) -> Path:
        """Where exports lie until they are taken away; emptied at each start."""
        return self.data_path / "exports"

    @property
    def copies_path(self) -> Path:
        """The folder of copies of recorded sound for players; it is emptied at each start."""
        return self.data_path / "copies"

    @property
    def tls_path(self) -> Path:
        """The folder of the local authority (`huishang init`)."""
        return self.data_path / "tls"

    @property
    def authority_path(self) -> Path:
        """The local authority's certificate, which other devices import."""
        return self.tls_path / "ca.pem"

    @property
    def certificate_path(self) -> Path:
        """The certificate chain to serve: the configured one or the local authority's."""
        return Path(self.http.certificate) if self.http.certificate else self.tls_path / "server.pem"

    @property
    def key_path(self) -> Path:
        """The private key of `certificate_path`."""
        return Path(self.http.key) if self.http.key else self.tls_path / "server.key"

    @property
    def tokens_path(self) -> Path:
        """The file of access tokens."""
        return Path(self.access.tokens_file) if self.access.tokens_file else self.data_path / "tokens.toml"

    @property
    def database_url(self) -> str:
        """The database's URL, `sqlite:///` or `postgresql://`; never to be shown."""
        return self.database.url or f"{SQLITE}{self.data_path / 'huishang.db'}"

    @property
    def database_path(self) -> Path | None:
        """The file of an SQLite database, None of another."""
        url = self.database_url
        return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None
