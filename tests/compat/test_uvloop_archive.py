"""uvloop's source archive: fetched once, from the index that pip uses, and only if it is the one that we know."""

import functools
import hashlib
import http.server
import io
import json
import tarfile
import threading

import pytest
import uvloop_archive


def archive_of(**files):
    """A source archive with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"uvloop-{uvloop_archive.VERSION}/{name.replace('__', '/')}.py")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


NAME = uvloop_archive.ARCHIVE
ARCHIVE = archive_of(tests__test_it="the test", uvloop__names="the package", setup="how to build it")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index with an archive; returns how often it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = ARCHIVE
            if self.path == "/simple/uvloop/":
                body = json.dumps({"files": [{"filename": NAME, "url": "../../files/it#sha256=0"}]})
                body = body.encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    monkeypatch.setenv("FERRAIO_TESTS_CACHE", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(uvloop_archive, "SHA256", hashlib.sha256(ARCHIVE).hexdigest())
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield asked
        server.shutdown()
        thread.join()


def test_it_is_fetched_once_and_unpacked_with_the_stand_in(index):
    folder = uvloop_archive.fetch()
    assert uvloop_archive.fetch() == folder
    assert index == ["/simple/uvloop/", "/files/it"]
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.py")}
    assert files == {"tests/test_it.py", "uvloop/names.py", "uvloop/loop.py"}
    assert (folder / "uvloop/loop.py").read_bytes() == uvloop_archive.STAND_IN.read_bytes()


def test_a_damaged_copy_is_fetched_again(index, tmp_path):
    (tmp_path / NAME).write_bytes(b"damaged")
    uvloop_archive.fetch()
    assert (tmp_path / NAME).read_bytes() == ARCHIVE


def test_another_archive_under_its_name_is_refused(index, monkeypatch):
    monkeypatch.setattr(uvloop_archive, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="is not the archive that we know"):
        uvloop_archive.fetch()


def test_an_index_without_it_is_out_of_reach(index, monkeypatch):
    monkeypatch.setattr(uvloop_archive, "ARCHIVE", "uvloop-99.tar.gz")
    with pytest.raises(uvloop_archive.OutOfReach, match=r"has no uvloop-99\.tar\.gz"):
        uvloop_archive.fetch()


def test_an_index_that_is_not_there_is_out_of_reach(index, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with pytest.raises(uvloop_archive.OutOfReach, match="uvloop's tests are out of reach"):
        uvloop_archive.fetch()
