"""The command `huishang export bundle`: one session out of a recordings' root, to be handed to somebody.

It reads the root, which the server may be writing, and needs no server. Exit status: 0 made, 1 refused or failed,
2 wrong arguments. What it needs is imported late: every start passes here.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from huishang.progress import progress

_FAILED = 1
_WRONG = 2

app = typer.Typer(help="导出录制 / export what was recorded", no_args_is_help=True)


def add_to(other: typer.Typer) -> None:
    """Add the commands."""
    other.add_typer(app, name="export")


@app.callback()
def _export() -> None:
    """Keep `bundle` a command of its own, though it is the only one."""


@app.command("bundle")
def _bundle(
    root: Annotated[Path, typer.Argument(help="录像根目录 / recordings' root")],
    session: Annotated[str, typer.Argument(help="录制的标识 / the recording's id")],
    path: Annotated[Path, typer.Argument(help="写到哪里；以 .zip 结尾则为 ZIP / where to; .zip makes a ZIP file")],
    withhold: Annotated[
        list[str] | None,
        typer.Option(help="不提供内容的记录种类，如 event，可多次给出 / kind of records to withhold; may be repeated"),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="起始时间（ISO 8601） / from when, this machine's zone if none is given"),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="结束时间 / until when")] = None,
) -> None:
    """导出一次录制的证据包，可独立核对 / make the evidence bundle of a recording, which is verified by itself."""
    from recorder.export import ExportError, ExportRefused
    from recorder.export.archive import write_folder, write_zip
    from recorder.export.bundle import bundle_of
    from recorder.export.disclosure import Disclosure

    if path.exists():
        _fail(_WRONG, f"{path}: 已存在 / is there already")
    try:
        disclosure = Disclosure(frozenset(withhold or ()), _time(begin), _time(until))
    except ExportRefused as error:
        _fail(_WRONG, f"参数无法使用 / arguments that cannot be used: {error}")
    write = write_zip if path.suffix == ".zip" else write_folder
    try:
        with progress("导出 / export") as (total, tell):
            bundle = bundle_of(root, session, disclosure)
            total(bundle.length)
            before = 0

            def told(done: int, _total: int) -> None:
                nonlocal before
                tell(done - before)
                before = done

            write(bundle, path, told)
    except ExportError as error:
        _fail(_FAILED, f"{path}: 未能导出 / not exported: {error}")
    absent = f"，{len(bundle.absent)} 个文件已不在 / {len(bundle.absent)} files are gone" if bundle.absent else ""
    typer.echo(f"{path}: {len(bundle.entries)} 个文件 / files, {bundle.length:,} B{absent}")


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError):
        _fail(_WRONG, f"{text[:80]}: 不是 ISO 8601 时间 / no time of ISO 8601")


def _fail(status: int, line: str) -> NoReturn:
    typer.echo(line, err=True)
    raise typer.Exit(status)
