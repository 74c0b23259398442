"""tsbench dashboard."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, TextIO
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import click

from tsbench.cli.options import common_options, open_store
from tsbench.errors import UsageError
from tsbench.terminal import Lines, echo


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@common_options
def dashboard(host: str, port: int) -> int:
    """Show the studies of the store in the browser, until Ctrl-C; who can reach the port can change them.

    \b
    Example:
      tsbench dashboard --store results.db --port 8080
    """
    from tsbench.tune import require

    require("optuna_dashboard")
    import optuna_dashboard  # type: ignore[import-untyped]

    from tsbench.tune.storage import open_studies

    with contextlib.closing(open_store(must_exist=True)) as store, open_studies(store) as storage:
        try:
            kind = _Server6 if ":" in host else WSGIServer
            server = make_server(host, port, optuna_dashboard.wsgi(storage), kind, _Handler)
        except (OSError, TypeError, ValueError) as error:  # the latter two for what is no name of a host
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(f"cannot listen on {host}:{port}: {reason}; choose another --port or --host") from None
        # Ctrl-C that meets the server while it answers would be lost in it; this thread does nothing but wait for one.
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        echo(f"studies of {store.name}: http://{host}:{port}/  (Ctrl-C ends)")
        with server, contextlib.suppress(KeyboardInterrupt):
            try:
                serving.join()
            finally:
                server.shutdown()
    return 0


class _Handler(WSGIRequestHandler):
    """Tells of requests and of errors on standard error."""

    def log_message(self, format: str, *args: Any) -> None:
        """Print a line about a request."""
        echo(f"{self.address_string()} [{self.log_date_time_string()}] {format % args}", err=True)

    def get_stderr(self) -> TextIO:
        """Return where tracebacks go."""
        return Lines()  # type: ignore[return-value]


class _Server6(WSGIServer):
    address_family = socket.AF_INET6
