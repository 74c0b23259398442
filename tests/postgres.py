"""A PostgreSQL server of the tests' own, in a temporary folder, gone when they end."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

USER, PASSWORD = "tsbench", "hush"


def binary(name: str) -> str | None:
    """Return the path of a PostgreSQL program; Debian keeps them out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return shutil.which(name) or (str(found[-1]) if found else None)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1; gives "user:password@host:port". Skips where none is installed."""
    initdb, postgres = binary("initdb"), binary("postgres")
    if initdb is None or postgres is None:
        reason = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
        if os.environ.get("TSBENCH_TEST_POSTGRES", "0") not in ("", "0"):
            pytest.fail(f"TSBENCH_TEST_POSTGRES is set, but {reason}")
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="tsbench-postgres-") as name, socket.socket() as free:
        folder, user = Path(name), None
        (folder / "password").write_text(PASSWORD)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            user = "postgres" if "postgres" in names else "nobody"
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        data, log = folder / "data", folder / "log"
        command = [initdb, "-D", data, "-U", USER, "-A", "scram-sha-256", "--pwfile", folder / "password"]
        made = subprocess.run(
            [*command, "--no-sync", "--no-locale", "-E", "UTF8"], user=user, cwd=folder, capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [postgres, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
        with log.open("w") as output:
            process = subprocess.Popen(command, user=user, cwd=folder, stdout=output, stderr=output)
        try:
            address = f"{USER}:{PASSWORD}@127.0.0.1:{port}"
            wait(address, process, log)
            yield address
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            process.wait()


def wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers."""
    import psycopg

    deadline = time.monotonic() + 600
    while True:
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(f"postgresql://{address}/postgres").close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)


def new_database(address: str, name: str) -> str:
    """Make an empty database and return its URL."""
    import psycopg

    with psycopg.connect(f"postgresql://{address}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"postgresql://{address}/{name}"
