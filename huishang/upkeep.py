"""Commands for who looks after a node: backup, restore, upgrade, rebuild. Each tells how far it is and how it ended.

What they need of the database is imported late: every start of a server passes here, and begins itself anew once.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from config import Settings
from huishang.backup import backup, restore
from huishang.errors import StartError
from huishang.options import DEFAULT_FOLDER, ConfigPath, config_path, settings_of
from recorder.proof.segments import TRACKS

if TYPE_CHECKING:
    from dispatch.store.database import Database

#: Exit status of `upgrade --check` when there is something to do.
_STEPS_WAIT = 3


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(_backup)
    app.command("restore")(_restore)
    app.command("upgrade")(_upgrade)
    app.command("rebuild")(_rebuild)


def _backup(
    config: ConfigPath = None,
    target: Annotated[
        Path | None, typer.Option("--to", help="备份文件；默认当前目录 / file to write; default in this folder")
    ] = None,
) -> None:
    """备份全部数据与密钥（服务可照常运行） / copy all data and keys into one file; the server may run."""
    settings = settings_of(config)
    now = datetime.now(UTC)
    file = target or Path(f"huishang-{settings.server.node}-{now:%Y%m%d-%H%M%S}.backup")
    with _progress("备份 / backup") as tell:
        done = backup(
            settings.data_path,
            file,
            settings.server.node,
            time.time_ns() // 1000,
            tell,
            database=settings.database_path,
            media=settings.recordings_path / TRACKS,
        )
    typer.echo(f"已备份 / backed up: {file} ({done.files} 个文件 / files, {done.octets:,} B)")
    typer.echo("内含密钥与口令摘要，请妥善保管 / it holds keys and hashes of passwords: keep it safe")
    if settings.recordings_path.resolve().is_relative_to(settings.data_path.resolve()):
        typer.echo("录像本身未含其中（证据链已含） / without recorded pictures and sounds; what proves them is in it")
    for path in _elsewhere(settings, config_path(config)):
        typer.echo(f"不在数据目录中，未备份，请自行保存 / not in the data folder and not backed up, keep it: {path}")


def _restore(
    source: Annotated[Path, typer.Argument(help="备份文件 / backup to put back")],
    folder: Annotated[
        Path, typer.Option("--dir", help="恢复到的空目录 / empty folder to put it into")
    ] = DEFAULT_FOLDER,
) -> None:
    """从备份恢复到空目录 / put a backup back into an empty folder."""
    with _progress("恢复 / restore") as tell:
        done = restore(source, folder, tell)
    typer.echo(f"已恢复 / restored: {folder} ({done.files} 个文件 / files, {done.octets:,} B)")
    typer.echo("数据库将在首次启动时重建 / the database is made anew at the first start")


def _upgrade(
    config: ConfigPath = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="只检查，有待升级时退出码为 3 / only look; exit status 3 when there is something"),
    ] = False,
) -> None:
    """将数据库升级到本程序的版本 / bring the database to the version of this program."""
    from dispatch.store.migrating import pending, upgrade

    settings = settings_of(config)
    steps = asyncio.run(_steps(settings, pending if check else upgrade))
    if not steps:
        typer.echo("无需升级 / nothing to upgrade")
    elif check:
        typer.echo(f"待升级 / to be upgraded: {', '.join(steps)}")
        raise typer.Exit(_STEPS_WAIT)
    else:
        typer.echo(f"已升级 / upgraded: {', '.join(steps)}")


def _rebuild(config: ConfigPath = None) -> None:
    """用过程记录重建数据库（先停止服务） / make the database anew from the journal; stop the server first."""
    from dispatch.store.rebuild import rebuild
    from huishang.desk import open_journal

    settings = settings_of(config)
    journal = open_journal(settings)
    try:
        with _progress("重建 / rebuild") as tell, _unavailable():
            done = asyncio.run(rebuild(settings.database_url, journal, tell))
    finally:
        journal.close()
    typer.echo(f"已重建 / rebuilt: {done.entries:,} 条记录 / entries, {done.records:,} 个对象 / objects")
    if done.unfit:
        typer.echo(f"有 {done.unfit} 条无法识别，见日志 / {done.unfit} could not be used, the log tells which")


def _elsewhere(settings: Settings, own: Path | None) -> list[Path]:
    """Return the files that the settings name outside of the data folder, and their own."""
    named = (
        settings.http.certificate,
        settings.http.key,
        settings.access.tokens_file,
        settings.recording.folder,
        *settings.recording.time_stamp_certificates,
    )
    files = [*([own] if own else []), *(Path(name) for name in named if name)]
    return [path for path in files if not path.resolve().is_relative_to(settings.data_path.resolve())]


async def _steps(settings: Settings, ask: "Callable[[Database], Awaitable[list[str]]]") -> list[str]:
    from dispatch.store.database import Database

    database = Database(settings.database_url)
    try:
        with _unavailable():
            return await ask(database)
    finally:
        await database.close()


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    from dispatch.errors import Unavailable

    try:
        yield
    except Unavailable as error:
        raise StartError(f"数据库 / database: {error.code}: {error}") from None


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    share, left = TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn()
    with Progress(TextColumn("{task.description}"), BarColumn(), share, left, transient=True) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=max(of, 1))
