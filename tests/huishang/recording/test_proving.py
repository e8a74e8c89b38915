"""Settings of the proof: what is wrong with certificates is said at the start, what is right stays below the root."""

from pathlib import Path

import msgspec
import pytest

from config import Settings
from config.errors import ConfigError
from huishang.recording.proving import MAX_CERTIFICATES, keep_certificates, proving_of
from recorder.book.evidence import certificates_below
from recorder.proof.digests import WITH_SM3
from tests.huishang.test_cli import huishang
from tests.recorder.proof.authority import Authority


def settings_with(*paths: Path) -> Settings:
    settings = Settings()
    recording = msgspec.structs.replace(
        settings.recording, digests=("sha256", "sm3"), key_days=30, time_stamp_certificates=tuple(map(str, paths))
    )
    return msgspec.structs.replace(settings, recording=recording)


def test_certificates_are_kept_below_the_root_once_each(tmp_path: Path) -> None:
    one, two = Authority(tmp_path / "one", "one"), Authority(tmp_path / "two", "two")
    both = tmp_path / "both.pem"
    both.write_bytes(b"for people\n" + one.root_pem + two.root_pem)
    proving = proving_of(settings_with(both, tmp_path / "one" / "root.pem"))
    assert (proving.algorithms, proving.key_lasts_us) == (WITH_SM3, 30 * 86_400_000_000)
    for _ in range(2):
        keep_certificates(tmp_path / "root", proving.certificates)
    assert set(certificates_below(tmp_path / "root")) == {one.root, two.root}
    assert len(certificates_below(tmp_path / "root")) == 2


def test_what_is_no_certificate_is_said_with_its_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "one", "one")
    (tmp_path / "key.pem").write_bytes((tmp_path / "one" / "key.pem").read_bytes())
    (tmp_path / "many.pem").write_bytes(authority.root_pem * (MAX_CERTIFICATES + 1))
    (tmp_path / "long.pem").write_bytes(b"x" * 300_000)
    for name in ("nowhere.pem", "key.pem", "many.pem", "long.pem"):
        with pytest.raises(ConfigError, match=name):
            proving_of(settings_with(tmp_path / name))
    (tmp_path / "huishang.toml").write_text("[recording]\ntime_stamp_certificates = ['nowhere.pem']\n")
    done = huishang("config", "check", "--config", "huishang.toml", folder=tmp_path)
    assert done.returncode == 2 and str(tmp_path / "nowhere.pem") in done.stderr
