"""Web: https-only access to one location, in which every way to fail has a reason a user can read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from tsbench.urls import shown, without_secrets

if TYPE_CHECKING:
    import requests

Report = Callable[[int, int], None]
CHUNK_BYTES = 1 << 16
MAX_JSON_BYTES = 4 << 20
MAX_FILE_BYTES = 16 << 30
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NO_HEAD = (405, 501)
# Without it a server may compress on the way, and neither size nor checksum would be that of the file.
HEADERS = {"User-Agent": "tsbench", "Accept-Encoding": "identity"}


class UnusableError(Exception):
    """One location did not give what was asked for; the next is tried."""


class UnreachableError(UnusableError):
    """The host does not answer: no connection, or nothing said over it."""


@dataclass(frozen=True)
class Web:
    """Access to public files.

    connect_timeout, read_timeout : seconds to wait for a connection, and for the next bytes.
    max_bytes : a longer file is broken off.
    http_from_loopback : allow http for this machine itself, where there is no way for anyone to listen in.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    max_bytes: int = MAX_FILE_BYTES
    http_from_loopback: bool = False

    def size(self, url: str) -> int | None:
        """Return the bytes a file has, None where the server does not say. Raises UnusableError, UnreachableError."""
        import requests

        with (
            self._explained(url),
            requests.head(url, timeout=self._timeout, allow_redirects=True, **self._options()) as response,
        ):
            if response.status_code in NO_HEAD:
                return None
            response.raise_for_status()
            length = response.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None

    def json(self, url: str) -> Any:
        """Return a JSON document of at most MAX_JSON_BYTES. Raises UnusableError, UnreachableError."""
        import requests

        with self._explained(url), requests.get(url, timeout=self._timeout, stream=True, **self._options()) as response:
            response.raise_for_status()
            content = bytearray()
            for chunk in response.iter_content(CHUNK_BYTES):
                content += chunk
                if len(content) > MAX_JSON_BYTES:
                    raise UnusableError(f"the answer is longer than {MAX_JSON_BYTES} bytes")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UnusableError(f"{what_it_is(bytes(content[:512]))} instead of JSON") from error

    def download(self, url: str, path: Path, checksum: str | None, report: Report) -> None:
        """Write a file to `path`, or nothing at all. Raises UnusableError, UnreachableError, OSError of the disk.

        checksum : "md5:..." or "sha256:..." as the source publishes it, or None. report(done, total) is called with
        bytes, total 0 where it is not known.
        """
        import pooch  # type: ignore[import-untyped]

        pooch.get_logger().setLevel("ERROR")
        meter = _Meter(self.max_bytes, report)
        downloader = pooch.HTTPDownloader(meter, CHUNK_BYTES, timeout=self._timeout, **self._options())
        with self._explained(url):
            pooch.retrieve(url, checksum, fname=path.name, path=path.parent, downloader=downloader)
        path.chmod(0o644)  # pooch leaves the mode of a temporary file, which others cannot read

    @property
    def _timeout(self) -> tuple[float, float]:
        return self.connect_timeout, self.read_timeout

    def _options(self) -> dict[str, Any]:
        return {"headers": HEADERS, "hooks": {"response": self._check_redirect}}

    def _check_redirect(self, response: requests.Response, **_: Any) -> None:
        if response.is_redirect:
            self._check_scheme(urljoin(response.url, response.headers["Location"]), "redirects to ")

    def _check_scheme(self, url: str, how: str = "") -> None:
        parts = urlsplit(url)
        loopback = self.http_from_loopback and parts.scheme == "http" and parts.hostname in LOOPBACK
        if parts.scheme != "https" and not loopback:
            raise UnusableError(f"{how}{shown(url)}, which is not https")

    @contextlib.contextmanager
    def _explained(self, url: str) -> Iterator[None]:
        """Check the URL; turn what requests and pooch raise into UnusableError, leaving errors of the disk alone."""
        import requests

        self._check_scheme(url)
        try:
            yield
        except (requests.RequestException, ValueError) as error:
            reason, said = self._reason(error), str(error)
            # The traceback of an error that quotes an address with its secrets would show them.
            cause = error if without_secrets(said, url) == said else None
            raise type(reason)(without_secrets(str(reason), url)) from cause

    def _reason(self, error: Exception) -> UnusableError:
        import requests
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ReadTimeoutError

        inner = error.args[0] if error.args else None
        cause = getattr(inner, "reason", None)
        if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
            return UnusableError(f"HTTP {error.response.status_code} {error.response.reason}".rstrip())
        if isinstance(error, requests.exceptions.SSLError):
            return UnusableError(f"its certificate cannot be trusted ({cause or error})")
        if isinstance(error, requests.exceptions.ProxyError) or isinstance(cause, NewConnectionError):
            return UnreachableError(f"no connection ({str(cause or error).rpartition(': ')[2]})")
        if isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(cause, ConnectTimeoutError):
            return UnreachableError(f"no connection within {self.connect_timeout:g} s")
        if isinstance(error, requests.exceptions.ReadTimeout):
            return UnreachableError(f"no answer within {self.read_timeout:g} s")
        if isinstance(inner, ReadTimeoutError):
            return UnusableError(f"sent nothing for {self.read_timeout:g} s")
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ConnectionError):
            last = inner.args[-1] if isinstance(inner, Exception) and inner.args else error
            return UnusableError(f"the transfer broke off ({last})")
        if isinstance(error, requests.RequestException):
            return UnusableError(f"{type(error).__name__}: {error}")
        if "hash of downloaded file" in str(error):
            return UnusableError("the file does not have the checksum that its source publishes")
        return UnusableError(f"the server's answer makes no sense ({error})")


def what_it_is(start: bytes) -> str:
    """Say what a file that is not the expected one seems to be, by its first bytes."""
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    return "an empty file" if not text else "something else"


def field(document: Any, *path: str | int) -> Any:
    """Return a field of a JSON document; None where there is no such field."""
    for key in path:
        if isinstance(document, Mapping):
            document = document.get(key)
        else:
            return None
    return document


class _Meter:
    """The progress bar as pooch drives it; also the limit on a file's size. `total` is set by pooch."""

    total = 0

    def __init__(self, max_bytes: int, report: Report) -> None:
        self.max_bytes = max_bytes
        self.report = report
        self.done = 0

    def update(self, n: int) -> None:
        """Count a chunk; pooch counts the last one as if it were full."""
        self.done += n
        if self.done - CHUNK_BYTES > self.max_bytes:
            raise UnusableError(f"the file is longer than {self.max_bytes} bytes")
        self.report(min(self.done, self.total or self.done), self.total)

    def reset(self) -> None:
        """Begin at 0 again."""
        self.done = 0

    def close(self) -> None:
        """Do nothing: the bar is the caller's."""
