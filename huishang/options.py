"""What the commands take alike: where the settings are."""

import os
from pathlib import Path
from typing import Annotated

import typer

from config import Settings, load
from huishang import home

DEFAULT_FOLDER = Path("var")
ConfigPath = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="HUISHANG_CONFIG",
        help="配置文件；默认 var/huishang.toml（若有） / settings; default var/huishang.toml if there",
    ),
]


def config_path(given: Path | None) -> Path | None:
    """Return the settings file that counts, None where there is none."""
    usual = DEFAULT_FOLDER / home.SETTINGS_FILE
    return given or (usual if usual.exists() else None)


def settings_of(given: Path | None) -> Settings:
    """Read the settings. Raises ConfigError."""
    return load(config_path(given), os.environ)
