"""A PostgreSQL server of the tests' own, on the loopback, in a temporary folder."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.ports import free_ports

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
#: The server refuses to run as root.
ACCOUNT = "postgres" if os.geteuid() == 0 else None


class PostgresServer:
    """One server; `stop` and `start` as often as wanted, `remove` at the end."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if ACCOUNT:
            shutil.chown(self.folder, ACCOUNT, ACCOUNT)
        self.port = free_ports()
        self.password = secrets.token_hex(12)
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if ACCOUNT:
            shutil.chown(password_file, ACCOUNT)
        self._data = self.folder / "data"
        self._run("initdb", "-D", str(self._data), "-U", "dispatch", "-A", "scram-sha-256", "--no-sync")
        self._databases = 0
        self.start()

    def start(self) -> None:
        """Start; return when it takes connections."""
        options = f"-F -p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop at once, as a power cut would: connections break off."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Make an empty database; return its URL."""
        self._databases += 1
        name = f"test{self._databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "dispatch", name)
        return f"postgresql://dispatch:{self.password}@127.0.0.1:{self.port}/{name}"

    def remove(self) -> None:
        """Stop and delete it."""
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        more = ("--pwfile", str(self.folder / "password")) if program == "initdb" else ()
        # Not a pipe: the server that pg_ctl starts would hold it open.
        with (self.folder / f"{program}.out").open("w") as output:
            done = subprocess.run(
                [str(BINARIES / program), *arguments, *more],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                user=ACCOUNT,
                group=ACCOUNT,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": self.password},
                timeout=PATIENCE_S,
                check=False,
            )
        assert done.returncode == 0, (self.folder / f"{program}.out").read_text()
