"""Reading settings: file, environment, paths, and the one line that every fault gives."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config import ConfigError, Settings, load, sample_text
from config.decode import field_types, list_of
from config.load import decode_settings

HOOK = "[[webhook]]\nurl = 'http://a.example/x'\nsecret = 'sixteen-characters'"


def refused(text: str, tmp_path: Path) -> str:
    """Give the error line for a settings file, checking what every one of them must have."""
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line.removeprefix(f"{path}: ")


def test_sample_equals_the_defaults() -> None:
    assert decode_settings(tomllib.loads(sample_text()), "sample") == Settings()


def test_sample_contains_every_key_with_a_comment_above() -> None:
    document = tomllib.loads(sample_text())
    expected = {name: set(field_types(type_)) for name, type_ in field_types(Settings).items() if not list_of(type_)}
    assert {name: set(table) for name, table in document.items()} == expected
    previous = ""
    for line in sample_text().splitlines():
        if " = " in line and not line.startswith("#"):
            key = line.split(" = ")[0]
            # Explained with the key above.
            paired = key in ("key", "receive_buffer_bytes", "max_viewers", "ordinary_days", "lasting_days")
            assert previous.startswith("#") or paired, f"{key} has no comment"
        previous = line


def test_sample_shows_every_list_of_tables_with_all_its_keys() -> None:
    commented = sample_text()[sample_text().index("# [[") :]
    document = tomllib.loads("\n".join(line.removeprefix("# ") for line in commented.splitlines()))
    lists = {name: list_of(type_) for name, type_ in field_types(Settings).items()}
    expected = {name: set(field_types(entry)) for name, entry in lists.items() if entry}
    assert {name: set(tables[0]) for name, tables in document.items()} == expected
    assert len(decode_settings(document, "sample").webhook) == 1


def test_sample_loads_from_any_folder(tmp_path: Path) -> None:
    path = tmp_path / "huishang.toml"
    path.write_text(sample_text(), encoding="utf-8")
    assert load(path, {}).data_path == tmp_path / "var"


def test_without_a_file_the_defaults_hold_and_paths_start_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, {})
    assert settings.media == Settings().media
    assert settings.authority_path == tmp_path / "var/tls/ca.pem"
    assert settings.certificate_path == tmp_path / "var/tls/server.pem"
    assert settings.key_path == tmp_path / "var/tls/server.key"
    assert settings.tokens_path == tmp_path / "var/tokens.toml"


def test_relative_paths_start_at_the_file_and_in_the_environment_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = tmp_path / "settings.toml"
    path.write_text('server.data_dir = "data"\nhttp = {certificate = "a.pem", key = "/b.pem"}\n')
    settings = load(path, {"HUISHANG_ACCESS__TOKENS_FILE": "t.toml"})
    assert settings.data_path == tmp_path / "data"
    assert settings.certificate_path == tmp_path / "a.pem"
    assert settings.key_path == Path("/b.pem")
    assert settings.tokens_path == elsewhere / "t.toml"


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("[media]\nprot = 1", "media.prot", "did you mean port?"),
        ("[medium]\nport = 1", "medium", "did you mean [media]?"),
        ("media = 3", "media", "must be a table [media]"),
        (
            "[http]\nport = 70000",
            "http.port",
            "70000 is not allowed, expected a whole number from 1 to 65535",
        ),
        ('[http]\nport = "8443"', "http.port", "'8443' is not allowed, expected a whole number"),
        ("[http]\nport = true", "http.port", "true is not allowed"),
        ("[http]\nport = 8443.5", "http.port", "8443.5 is not allowed"),
        ("[http]\ntls = 1", "http.tls", "1 is not allowed, expected true or false"),
        ('[log]\nlevel = "loud"', "log.level", 'expected one of "debug", "info", "warning", "error"'),
        ('[server]\nnode = "Node 1"', "server.node", "lower-case letters"),
        ('[server]\nnode = "a\\n"', "server.node", "lower-case letters"),
        ('[server]\ndata_dir = ""', "server.data_dir", "not empty"),
        ('[server]\ndata_dir = "a\\u001b[2J"', "server.data_dir", "the path of a folder"),
        ("[limits]\nsilent_after_s = nan", "limits.silent_after_s", "a number from 0.5 to 60"),
        ("[limits]\nsilent_after_s = 1979-05-27", "limits.silent_after_s", "a number from 0.5 to 60"),
        ("[limits]\nmax_sdp_bytes = 99999999999999999999999", "limits.max_sdp_bytes", "1048576"),
        ('[http]\nallowed_origins = ["portal"]', "http.allowed_origins", "a list of origins"),
        ('[media]\nadvertised_addresses = "1.2.3.4"', "media.advertised_addresses", "a list of IP addresses"),
        ("[webhook]\nurl = 'http://a'", "webhook", "must be [[webhook]] tables, 100 at most"),
        ("[[webhok]]", "webhok", "did you mean [[webhook]]?"),
        ("[[webhook]]\nurl = 'http://a'", "webhook 1", "lacks secret"),
        (f"{HOOK}\nverb = []", "webhook 1.verb", "did you mean verbs?"),
        (HOOK.replace("http:", "ftp:"), "webhook 1.url", "an http or https address"),
        (HOOK.replace("a.example", "me:word@a.example"), "webhook 1.url", "without a user and password"),
        (HOOK.replace("a.example", "a.example:99999"), "webhook 1.url", "its port must be from 1 to 65535"),
        (HOOK + "\n" + HOOK, "webhook 2.url", "each must be its own"),
        (f"{HOOK}\nverbs = ['Any']", "webhook 1.verbs", "a list of verbs"),
        ('[database]\nurl = "mysql://a:b@c/d"', "database.url", "or postgresql://user:password@host/name"),
        ('[database]\nurl = "sqlite:///"', "database.url", "sqlite:///path"),
        ('[database]\nurl = "sqlite://a.db"', "database.url", "sqlite:///path"),
        ('[database]\nurl = "postgresql+psycopg://c/d"', "database.url", "sqlite:///path"),
        ('[database]\nurl = "postgresql://a:b@c"', "database.url", "user:password@host:port/name"),
        ("[media", "", "is not valid TOML"),
        ("[media]\nport = 1\nport = 2", "", "is not valid TOML"),
    ],
)
def test_fault_in_the_file_is_one_line_with_key_and_what_is_allowed(
    text: str, key: str, says: str, tmp_path: Path
) -> None:
    line = refused(text, tmp_path)
    assert line.startswith(f"{key}: " if key else "") and says in line


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('urls = ["turn:a.example?transport=sctp"]', "is not allowed, expected a list of addresses"),
        ('urls = ["http://a.example"]', "is not allowed, expected a list of addresses"),
        ('urls = ["stun:a.example?transport=udp"]', "is not allowed, expected a list of addresses"),
        ('urls = ["turn:user@a.example"]', "is not allowed, expected a list of addresses"),
        ('secret = "too-short"', "*** is not allowed, expected 16 to 256"),
        ("lifetime_s = 60", "a whole number from 600"),
    ],
)
def test_turn_server_that_cannot_be_is_refused_and_its_secret_not_told(tmp_path: Path, lines: str, says: str) -> None:
    told = refused(f"[turn]\n{lines}", tmp_path)
    assert says in told and "too-short" not in told


def test_webhooks_are_read_and_their_secrets_never_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(f"{HOOK}\n{HOOK.replace('a.', '[::1]:8/').replace('example/x', '')}\nverbs = ['consultation.*']\n")
    first, second = load(path, {}).webhook
    assert (first.url, first.host, first.verbs) == ("http://a.example/x", "http://a.example", ())
    assert (second.host, second.verbs) == ("http://[::1]:8", ("consultation.*",))
    assert "short" not in refused(HOOK.replace("sixteen-characters", "short"), tmp_path)


def test_list_of_tables_cannot_come_from_the_environment() -> None:
    with pytest.raises(ConfigError, match="no such key"):
        load(None, {"HUISHANG_WEBHOOK__URL": "http://a.example"})


def test_database_is_a_file_in_the_data_folder_unless_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('server.data_dir = "data"\n')
    assert load(path, {}).database_url == f"sqlite:///{tmp_path}/data/huishang.db"
    path.write_text('database.url = "sqlite:///数据 %20?#.db"\n')
    assert load(path, {}).database_url == f"sqlite:///{tmp_path}/数据 %20?#.db"
    path.write_text('database.url = "sqlite:////srv/a.db"\n')
    assert load(path, {}).database_url == "sqlite:////srv/a.db"
    assert load(path, {}).database_path == Path("/srv/a.db")
    url = "postgresql://duty:p%40ss@db.example:5433/huishang?ssl=require"
    assert load(path, {"HUISHANG_DATABASE__URL": url}).database_url == url
    assert load(path, {"HUISHANG_DATABASE__URL": url}).database_path is None


@pytest.mark.parametrize(
    "url",
    [
        "mysql://duty:hunter2@db/huishang",
        "postgresql://duty:hunter2@db:port/huishang",
        "postgresql://duty:hunter2@db:99999/huishang",
        "postgresql://duty:hunter2@[db/huishang",
        "postgresql://duty:hunter2@db",
        "postgresql://duty:hunter2@db/huis hang",
        "postgresql://duty:hunter2@db/a\n",
    ],
)
def test_password_of_a_database_is_in_no_error(url: str, tmp_path: Path) -> None:
    assert "hunter2" not in refused(f"[database]\nurl = {json.dumps(url)}", tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(None, {"HUISHANG_DATABASE__URL": url})
    assert "hunter2" not in str(caught.value) and caught.value.__cause__ is None


def test_long_value_is_shortened_in_the_line(tmp_path: Path) -> None:
    assert len(refused(f'[server]\nnode = "{"A" * 5000}"', tmp_path)) < 600


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read: ") as caught:
            load(path, {})
        assert str(path) in str(caught.value)


def test_file_that_is_not_utf8_or_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes("# 会商".encode("gb18030"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path, {})
    path.write_bytes(b"#" * 1_048_577)
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(path, {})
    path.write_bytes(b"x = " + b"[" * 100_000)
    with pytest.raises(ConfigError, match="not valid TOML"):
        load(path, {})


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[media]\nport = 9000\nthreads = 2\n")
    environ = {
        "HUISHANG_MEDIA__PORT": "9100",
        "HUISHANG_LOG__JSON": "true",
        "HUISHANG_LIMITS__SILENT_AFTER_S": "2.5",
        "HUISHANG_SERVER__LANGUAGE": "en",
        "HUISHANG_MEDIA__ADVERTISED_ADDRESSES": "203.0.113.7, 2001:db8::7",
        "HUISHANG_HTTP__ALLOWED_ORIGINS": "",
        "HUISHANG_CONFIG": "ignored here",
        "PATH": "/bin",
    }
    settings = load(path, environ)
    assert (settings.media.port, settings.media.threads) == (9100, 2)
    assert settings.log.json and settings.server.language == "en"
    assert settings.limits.silent_after_s == 2.5
    assert settings.media.advertised_addresses == ("203.0.113.7", "2001:db8::7")
    assert settings.http.allowed_origins == ()
    listed = load(path, {"HUISHANG_HTTP__ALLOWED_ORIGINS": '["https://a.example", "https://b.example"]'})
    assert listed.http.allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("HUISHANG_MEDIA__PORT", "seventy", "a whole number from 1 to 65535"),
        ("HUISHANG_MEDIA__PROT", "1", "did you mean port?"),
        ("HUISHANG_MEDIUM__PORT", "1", "did you mean media?"),
        ("HUISHANG_MEDIA_PORT", "1", "must be written HUISHANG_MEDIA__PORT"),
        ("HUISHANG_LOG__JSON", "maybe", "true or false"),
    ],
)
def test_fault_in_the_environment_names_the_variable(variable: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {variable: value})
    line = str(caught.value)
    assert line.startswith(f"{variable}: ") and says in line and "\n" not in line


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
sections = st.sampled_from(list(field_types(Settings))) | st.text()
structs = [list_of(type_) or type_ for type_ in field_types(Settings).values()]
keys = st.sampled_from([key for struct in structs for key in field_types(struct)])


@given(st.dictionaries(sections, st.dictionaries(keys, values, max_size=3) | values, max_size=3))
def test_any_document_is_decoded_or_refused_in_one_line(document: dict[str, Any]) -> None:
    try:
        assert isinstance(decode_settings(document, "any"), Settings)
    except ConfigError as error:
        assert str(error).isprintable()


@given(st.sampled_from(list(field_types(Settings))), keys, st.text())
@example("media", "port", "9" * 5000)
def test_any_environment_is_taken_or_refused_in_one_line(section: str, key: str, value: str) -> None:
    try:
        load(None, {f"HUISHANG_{section}__{key}".upper(): value})
    except ConfigError as error:
        assert str(error).isprintable()
