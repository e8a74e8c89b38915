"""The data folder: made once, kept afterwards."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from config import Settings, load, load_tokens
from huishang.addresses import machine_addresses
from huishang.errors import StartError
from huishang.home import (
    ACCESS_KEYS_FILE,
    FileWritten,
    access_keys,
    certificate_names,
    everyday_token,
    prepare,
    write_settings,
)

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def made_in(folder: Path) -> Settings:
    """Make a data folder and load its settings."""
    write_settings(folder)
    settings = load(folder / "huishang.toml", {})
    prepare(settings, NOW)
    return settings


def test_written_settings_are_the_sample_with_this_folder_for_data(tmp_path: Path) -> None:
    settings = made_in(tmp_path)
    assert settings.data_path == tmp_path
    same = msgspec.structs.replace(settings.server, data_dir="./var")
    assert msgspec.structs.replace(settings, server=same) == Settings()


def test_tokens_are_one_to_publish_one_to_watch_one_for_both_and_secret(tmp_path: Path) -> None:
    settings = made_in(tmp_path)
    publish, watch, both = load_tokens(settings.tokens_path)
    assert (publish.verbs, watch.verbs, both.verbs) == (("publish",), ("watch",), ("publish", "watch"))
    assert len({publish.secret, watch.secret, both.secret}) == 3
    assert min(len(token.secret) for token in (publish, watch, both)) >= 32
    assert stat.S_IMODE(settings.tokens_path.stat().st_mode) == 0o600
    assert everyday_token(settings) == both


def test_two_folders_have_different_tokens(tmp_path: Path) -> None:
    one, two = made_in(tmp_path / "one"), made_in(tmp_path / "two")
    assert not set(load_tokens(one.tokens_path)) & set(load_tokens(two.tokens_path))


def test_access_key_is_made_once_for_this_node_alone_and_secret(tmp_path: Path) -> None:
    one, two = made_in(tmp_path / "one"), made_in(tmp_path / "two")
    (key,), (other,) = access_keys(one), access_keys(two)
    assert len(key.secret) >= 32 and key.secret != other.secret and key.id != other.id
    assert stat.S_IMODE((one.data_path / ACCESS_KEYS_FILE).stat().st_mode) == 0o600
    prepare(one, NOW + timedelta(days=89))
    assert access_keys(one) == (key,)


def test_access_key_is_replaced_after_a_quarter_and_the_former_kept_beside_it(tmp_path: Path) -> None:
    settings = made_in(tmp_path)
    (first,) = access_keys(settings)
    prepare(settings, NOW + timedelta(days=90))
    second, former = access_keys(settings)
    assert former == first and second.secret != first.secret
    prepare(settings, NOW + timedelta(days=180))
    assert [key.secret for key in access_keys(settings)][1:] == [second.secret]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"v": "\xff"}',
        b"[" * 5000,
        b'{"v": 2}',
        b'{"keys": [{"id": "a", "secret": "c2hvcnQ=", "made_us": 1}]}',
    ],
)
def test_damaged_access_keys_are_made_anew(tmp_path: Path, damage: bytes) -> None:
    settings = made_in(tmp_path)
    (tmp_path / ACCESS_KEYS_FILE).write_bytes(damage)
    assert prepare(settings, NOW) == [FileWritten(tmp_path / ACCESS_KEYS_FILE)]
    assert len(access_keys(settings)[0].secret) >= 32


def test_second_time_nothing_is_made(tmp_path: Path) -> None:
    settings = made_in(tmp_path)
    assert write_settings(tmp_path) == []
    assert prepare(settings, NOW) == []


def test_edited_settings_and_tokens_are_kept(tmp_path: Path) -> None:
    settings = made_in(tmp_path)
    (tmp_path / "huishang.toml").write_text("[http]\nport = 9000\n")
    settings.tokens_path.write_text("")
    assert write_settings(tmp_path) == [] and prepare(settings, NOW) == []
    assert everyday_token(settings) is None
    assert (tmp_path / "huishang.toml").read_text() == "[http]\nport = 9000\n"


def test_configured_certificate_and_tokens_are_not_made(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('[http]\ncertificate = "c"\nkey = "k"\n[access]\ntokens_file = "t"\n')
    settings = load(tmp_path / "s.toml", {})
    assert prepare(settings, NOW) == [FileWritten(settings.data_path / ACCESS_KEYS_FILE)]
    assert not (tmp_path / "var/tls").exists()


def test_without_tls_no_certificate_is_made(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[http]\ntls = false\n")
    settings = load(tmp_path / "s.toml", {})
    made = [FileWritten(settings.tokens_path), FileWritten(settings.data_path / ACCESS_KEYS_FILE)]
    assert prepare(settings, NOW) == made


def test_certificate_names_include_advertised_addresses_once(tmp_path: Path) -> None:
    own = str(machine_addresses()[0]) if machine_addresses() else "203.0.113.8"
    media = msgspec.structs.replace(Settings().media, advertised_addresses=("203.0.113.7", own))
    names = certificate_names(msgspec.structs.replace(Settings(), media=media))
    texts = [str(address) for address in names.addresses]
    assert "203.0.113.7" in texts and len(set(texts)) == len(texts)
    assert "localhost" in names.hosts


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError) as caught:
        write_settings(tmp_path / "file/var")
    assert str(tmp_path / "file") in str(caught.value) and "\n" not in str(caught.value)
