"""A web server on this machine that misbehaves on request, and what is fetched from it."""

import contextlib
import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tsbench.fetch.fetcher import Download
from tsbench.fetch.locations import ZenodoRecord, ZipArchive
from tsbench.fetch.web import Web
from tsbench_archives.archive import ArchiveDataset

PATIENCE = 600  # seconds that only a broken program takes
NAME = "UnitTest"
FILES = {path.name: path.read_bytes() for path in ArchiveDataset(NAME).files()}
FINGERPRINT = ArchiveDataset(NAME).load().panel.fingerprint()


def zipped(members=None):
    """Return a .zip archive; a member may be given as (ZipInfo, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (FILES if members is None else members).items():
            archive.writestr(name, content)
    return buffer.getvalue()


class Server:
    """Serves `pages`: path -> bytes, or a function of the request handler. `seen` are the requests that came."""

    def __init__(self):
        self.pages = {}
        self.seen = []
        self.closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append((self.command, self.path))
                page = outer.pages.get(self.path, status(404))
                with contextlib.suppress(ConnectionError):
                    page(self) if callable(page) else reply(self, page)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.http.server_address[1]}{path}"

    def close(self):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def archive(self, page=None, path="/a.zip"):
        """Serve an archive and return its location."""
        self.pages[path] = zipped() if page is None else page
        return ZipArchive(self.url(path))

    def record(self, path="/record", licence="cc-by-4.0", **changes):
        """Serve a record of the files and return its location; `changes` replace fields of each listed file."""
        listed = []
        for name, content in FILES.items():
            self.pages[f"{path}/{name}"] = content
            md5 = hashlib.md5(content).hexdigest()
            about = {"key": name, "size": len(content), "checksum": f"md5:{md5}"}
            listed.append({**about, "links": {"self": self.url(f"{path}/{name}")}, **changes})
        document = {"files": listed, "metadata": {"license": {"id": licence}} if licence else {}}
        self.pages[path] = json.dumps(document).encode()
        return ZenodoRecord(self.url(path))


def reply(handler, content, length=None, code=200, **headers):
    """Answer with content, claiming `length` bytes."""
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Connection", "close")
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(content)


def status(code):
    return lambda handler: reply(handler, b"no", code=code)


def redirect(url):
    return lambda handler: reply(handler, b"", code=302, Location=url)


def lying(content, length):
    return lambda handler: reply(handler, content, length)


def silence(server):
    """Never answer."""
    return lambda handler: server.closing.wait(PATIENCE)


def download(*locations, name=NAME):
    """Return how to get UnitTest from the given locations."""
    return Download(name, tuple(FILES), locations, ArchiveDataset(NAME).download().read)


def quick(**settings):
    """Return a Web that may use this machine and nothing else over http."""
    return Web(**{"connect_timeout": PATIENCE, "read_timeout": PATIENCE, "http_from_loopback": True, **settings})


@contextlib.contextmanager
def serving(monkeypatch):
    """Run a Server, past any proxy of the surroundings."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    found = Server()
    try:
        yield found
    finally:
        found.close()
