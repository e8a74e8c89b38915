"""The command line `huishang`. Parses, calls, prints; one line and an exit status for every fault.

Exit status: 0 done, 1 cannot start, 2 wrong settings or arguments, 130 interrupted twice; `verify` has its own.
"""

import functools
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from config import ConfigError, Settings, load, load_tokens, sample_text
from huishang import __version__, export, home, log, upkeep, verify
from huishang.addresses import page_urls
from huishang.authority import AuthorityCreated, CertificateIssued
from huishang.entry import tell_everywhere
from huishang.errors import StartError
from huishang.memory import ask_for_huge_pages
from huishang.options import DEFAULT_FOLDER, ConfigPath, config_path, settings_of
from huishang.run import Beside, Program, Ready
from huishang.run import run as run_server

if TYPE_CHECKING:
    from huishang.beginning import Beginning

app = typer.Typer(
    name="huishang",
    help="会商：视频会商与通信调度服务器 / video consultation and dispatch server",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="配置 / settings", no_args_is_help=True)
app.add_typer(config_app, name="config")

upkeep.add_to(app)
verify.add_to(app)
export.add_to(app)


@app.command()
def init(
    folder: Annotated[Path, typer.Option("--dir", help="数据目录 / folder to keep everything in")] = DEFAULT_FOLDER,
) -> None:
    """生成配置、令牌与证书，已有的保留 / make settings, tokens and certificates, keep what is there."""
    changes = home.write_settings(folder)
    settings = load(folder / home.SETTINGS_FILE, os.environ)
    changes += home.prepare(settings, datetime.now(UTC))
    _tell(changes, settings)
    if not changes:
        typer.echo(f"{folder}: 已就绪，无需改动 / all there, nothing changed")
    if settings.http.tls and not settings.http.certificate:
        _tell_trust(settings)


@app.command()
def serve(config: ConfigPath = None) -> None:
    """启动服务器（用于生产环境） / run the server, as a service does."""
    ask_for_huge_pages()
    settings = settings_of(config)
    log.configure(settings.log)
    _tell(home.prepare(settings, datetime.now(UTC)), settings)

    from huishang.beginning import Beginning

    beginning = Beginning(demonstration=False)

    def announce(urls: list[str]) -> None:
        # No token here: this goes to the system's journal, which more people read than may publish.
        typer.echo("会商已启动 / Huishang is running: " + " ".join(f"{url}/" for url in urls))
        if beginning.code:
            _tell_first(beginning.link(urls[0]))

    _run(settings, beginning, lambda: [], announce)


@app.command()
def run(
    config: ConfigPath = None,
    demonstration: Annotated[
        bool, typer.Option("--demo/--no-demo", help="同时启动演示信源 / start demonstration sources too")
    ] = True,
) -> None:
    """在 ./var 下试用：服务器与演示 / try it under ./var: server and demonstration."""
    ask_for_huge_pages()
    if config is None and not (DEFAULT_FOLDER / home.SETTINGS_FILE).exists():
        home.write_settings(DEFAULT_FOLDER)
    settings = settings_of(config)
    log.configure(settings.log)
    _tell(home.prepare(settings, datetime.now(UTC)), settings)
    token = home.everyday_token(settings)
    from huishang.beginning import Beginning

    beginning = Beginning(demonstration)

    def announce(urls: list[str]) -> None:
        typer.echo("会商已启动，打开其一（链接只能用一次） / Huishang is running, open one (the link works once)")
        for url in urls:
            typer.echo(f"  {beginning.link(url)}")
        if settings.http.tls and not settings.http.certificate:
            _tell_trust(settings)
        typer.echo("Ctrl-C 停止 / stops")

    def beside() -> list[Program]:
        if not demonstration or token is None:
            return []
        return [_demo(settings, page_urls(settings)[0], token.secret, sources=beginning.sources)]

    _run(settings, beginning, beside, announce)


@app.command()
def demo(
    config: ConfigPath = None,
    url: Annotated[
        str | None, typer.Option(help="服务器地址；默认本机 / base URL of a server; default this machine's")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="发布令牌；默认本机的 / a token that may publish; default this node's")
    ] = None,
    authority: Annotated[Path | None, typer.Option("--ca", help="根证书 / certificate authority to trust")] = None,
) -> None:
    """向运行中的服务器发布演示信源 / publish demonstration sources to a running server."""
    settings = settings_of(config)
    if token is None:
        everyday = home.everyday_token(settings)
        if everyday is None:
            raise StartError(
                f"{settings.tokens_path}: 无可用令牌，请用 --token / no token for everything, give --token"
            )
        token = everyday.secret
    program = _demo(settings, url or page_urls(settings)[0], token, authority)
    sys.stdout.flush()
    os.execve(program.argv[0], program.argv, {**os.environ, **program.environ})


@config_app.command("check")
def config_check(config: ConfigPath = None) -> None:
    """检查配置与令牌文件，不启动 / check the settings and token files without starting."""
    settings = settings_of(config)
    place = config_path(config) or "defaults"
    if settings.tokens_path.exists() or settings.access.tokens_file:
        load_tokens(settings.tokens_path)
    if settings.recording.time_stamp_certificates:
        from huishang.recording.proving import proving_of

        proving_of(settings)
    typer.echo(f"{place}: 有效 / valid")


@config_app.command("sample")
def config_sample() -> None:
    """打印带注释的全部默认设置 / print every setting with its default, commented."""
    typer.echo(sample_text(), nl=False)


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    tell_everywhere()
    try:
        app()
    except ConfigError as error:
        _fail(str(error), 2)
    except StartError as error:
        _fail(str(error), 1)
    sys.exit(0)


def version(asked: bool) -> None:
    """Print the version and leave, when asked."""
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="版本 / version")
    ] = False,
) -> None:
    pass


def _run(settings: Settings, beginning: "Beginning", beside: Beside, announce: Ready) -> None:
    # Imported late: the server brings the compiled plane, which `init` and `config check` do without.
    from huishang.server import serve as serve_all

    run_server(settings, functools.partial(serve_all, begin=beginning), beside, announce)


def _tell_first(link: str) -> None:
    typer.echo(f"设置首位管理员（链接 24 小时内一次有效） / make the first administrator (once, within 24 h): {link}")


def _demo(
    settings: Settings,
    url: str,
    token: str,
    authority: Path | None = None,
    sources: Mapping[str, str] | None = None,
) -> Program:
    if authority is None and settings.http.tls and not settings.http.certificate:
        authority = settings.authority_path
    trust = ("--ca", str(authority)) if authority else ()
    named = (f"--source={unit}={source}" for unit, source in (sources or {}).items())
    argv = (sys.executable, "-m", "huishang.demo", "--url", url, *trust, *named)
    return Program(argv, {"HUISHANG_DEMO_TOKEN": token})


def _tell(changes: list[home.Change], settings: Settings) -> None:
    for change in changes:
        match change:
            case home.FileWritten(path):
                typer.echo(f"已生成 / made {path}")
            case AuthorityCreated(not_after):
                typer.echo(f"已生成 / made {settings.authority_path} (根证书 / authority, {not_after:%Y-%m-%d})")
            case CertificateIssued(reason, not_after):
                typer.echo(f"已签发 / issued {settings.certificate_path} ({reason}, {not_after:%Y-%m-%d})")


def _tell_trust(settings: Settings) -> None:
    typer.echo(f"其他设备请先导入根证书 / other devices: import the certificate authority {settings.authority_path}")


def _fail(line: str, status: int) -> NoReturn:
    typer.echo(line, err=True)
    sys.exit(status)
