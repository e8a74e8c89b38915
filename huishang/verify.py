"""The command `huishang verify`: are these recordings as they were recorded, and what can nobody know.

Offline; it reads the files that it is given and nothing else. Exit status: 0 sound, 1 something is altered, missing or
incomplete, 2 the files or arguments could not be read. What it needs is imported late: every start passes here.
"""

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from huishang.progress import progress

if TYPE_CHECKING:
    from cryptography import x509

    from recorder.book.evidence import Found
    from recorder.proof.findings import Finding

_UNSOUND = 1
_UNREADABLE = 2
_MAX_CERTIFICATE_BYTES = 1 << 20


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(_verify)


def alone() -> NoReturn:
    """Run this command without the others, and exit with its status."""
    app = typer.Typer(name="huishang", add_completion=False, pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    add_to(app)
    app()
    raise AssertionError("typer ends the process")


def _verify(
    path: Annotated[Path, typer.Argument(help="录像根目录或证据包目录 / recordings' root, or a bundle's folder")],
    as_json: Annotated[bool, typer.Option("--json", help="输出一个 JSON 对象 / print one JSON object")] = False,
    root_certificate: Annotated[
        list[Path] | None,
        typer.Option(
            help="时间戳机构的根证书（PEM），可多次给出 / root of a time stamp authority (PEM); may be repeated"
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="服务器第一把密钥的名称 / name of the server's first key, known from elsewhere")
    ] = None,
    seen: Annotated[
        list[str] | None,
        typer.Option(
            help="以前核对时见过的检查点名称，可多次给出 / name of a checkpoint that an earlier verification told;"
            " may be repeated"
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(help="节点的 journal 目录，与链所载之事对照 / a node's journal, held against the chains' events"),
    ] = None,
) -> None:
    """核对录像是否与录制时一致（离线，退出码 0 完好、1 有问题、2 无法读取） / verify recordings, offline."""
    from recorder.book.evidence import NoEvidence, open_evidence
    from recorder.proof import openssl
    from recorder.proof.stamps import Trust
    from recorder.proof.verifying import verify

    warnings.simplefilter("ignore")  # about certificates: what is wrong with one is told by its file's name
    roots = [certificate for file in root_certificate or () for certificate in _certificates(file)]
    for option, value in (("--key", key), *(("--seen", name) for name in seen or ())):
        if value is not None and (len(value) != 64 or set(value) - set("0123456789abcdef")):
            _fail(f"{option}: 应为 64 位十六进制 / not 64 lower-case hexadecimal digits: {value[:80]}")
    try:
        with progress("核对 / verify") as (begin, tell):
            found = open_evidence(path, tell)
            begin(found.bytes)
            trust = Trust(
                now=time.time_ns() // 1000,
                first_key=key,
                roots=tuple(roots),
                carried=found.carried,
                seen=tuple(seen or ()),
                other_check=openssl.check,
            )
            findings = list(verify(found.evidence, trust))
            if journal is not None:
                from huishang.verify_journal import journal_findings

                findings += journal_findings(path, journal)
    except NoEvidence as error:
        _fail(f"{error}: 不是录像根目录或证据包 / no recordings' root, no bundle")
    except OSError as error:
        _fail(f"{error.filename or path}: 无法读取 / cannot be read: {error.strerror}")
    raise typer.Exit(_tell(path, found, findings, as_json=as_json))


def _tell(path: Path, found: "Found", findings: "list[Finding]", *, as_json: bool) -> int:
    import msgspec

    from huishang.verify_report import report
    from recorder.proof.findings import is_sound, worst

    sound = is_sound(findings)
    if as_json:
        told = {
            "v": 1,
            "path": str(path),
            "kind": "bundle" if found.is_bundle else "root",
            "sound": sound,
            "state": worst(findings),
            "findings": findings,
        }
        typer.echo(msgspec.json.encode(told))
    else:
        what = "证据包 / a bundle" if found.is_bundle else "录像根目录 / a recordings' root"
        typer.echo(f"{path}: {what}, {len(found.evidence.present)} 个文件 / files, {found.bytes:,} B")
        for line in report(findings):
            typer.echo(line)
    return 0 if sound else _UNSOUND


def _certificates(path: Path) -> "list[x509.Certificate]":
    from recorder.proof.errors import TokenRefused
    from recorder.proof.tokens import read_certificates

    try:
        with path.open("rb") as file:
            return read_certificates(file.read(_MAX_CERTIFICATE_BYTES))
    except (OSError, TokenRefused) as error:
        _fail(f"{path}: 不是 PEM 证书 / no certificate in PEM: {error}")


def _fail(line: str) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(_UNREADABLE)
