"""Fetches uvloop's source archive from the package index, and unpacks from it what its tests need.

A certain version, whose checksum we know. The index is the one that pip is told to use, by its configuration or its
environment. What was fetched stays in `~/.cache/ferraio-tests` (or `$FERRAIO_TESTS_CACHE`), so that only the first run
needs the index. Nothing is built: of the package itself we keep what is plain Python, and `uvloop_stand_in.py` takes
the place of its loop.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from urllib.parse import urldefrag, urljoin

VERSION = "0.23.0"
SHA256 = "28d160f51ab4da3b187063652e643dea6831072add4adc1e6d62afbe73b6be27"
ARCHIVE = f"uvloop-{VERSION}.tar.gz"

STAND_IN = Path(__file__).with_name("uvloop_stand_in.py")
SECONDS_TO_CONNECT = 30


class OutOfReach(Exception):
    """The archive is not here, and the index does not give it to us."""


def fetch() -> Path:
    """Returns the folder with uvloop's tests and with what stands for uvloop; fetches and unpacks what is missing."""
    cache = Path(os.environ.get("FERRAIO_TESTS_CACHE") or Path.home() / ".cache" / "ferraio-tests")
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / ARCHIVE
    if not archive.exists() or not _is_genuine(archive.read_bytes()):
        _put(archive, _download())
    stand_in = STAND_IN.read_bytes()
    unpacked = cache / f"uvloop-{VERSION}-{hashlib.sha256(stand_in).hexdigest()[:12]}"
    if not unpacked.exists():
        _unpack(archive, unpacked, stand_in)
    return unpacked


def _download() -> bytes:
    project = f"{_index()}/uvloop/"
    try:
        found = _files_of(project).get(ARCHIVE)
        if found is None:
            raise OutOfReach(f"uvloop's tests are out of reach: {project} has no {ARCHIVE}")
        data, _ = _read(found)
    except (OSError, json.JSONDecodeError) as error:
        raise OutOfReach(f"uvloop's tests are out of reach: {project}: {error}") from error
    if not _is_genuine(data):
        raise ValueError(f"{found} is not the archive that we know: its SHA-256 is {hashlib.sha256(data).hexdigest()}")
    return data


def _index() -> str:
    """The package index that pip uses."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    return (os.environ.get("PIP_INDEX_URL") or configured or "https://pypi.org/simple").rstrip("/")


def _files_of(project: str) -> dict[str, str]:
    """The addresses of a project's files by their names, as the index's JSON (PEP 691) gives them."""
    data, address = _read(project, accept="application/vnd.pypi.simple.v1+json")
    files = json.loads(data)["files"]
    return {file["filename"]: urldefrag(urljoin(address, file["url"])).url for file in files}


def _read(address: str, **headers: str) -> tuple[bytes, str]:
    """What is at an address, and the address that it came from in the end."""
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=SECONDS_TO_CONNECT) as reply:
        return reply.read(), reply.url


def _is_genuine(data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == SHA256


def _put(path: Path, data: bytes) -> None:
    """Writes a file in one go, so that another run never sees half of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def _unpack(archive: Path, unpacked: Path, stand_in: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=unpacked.parent) as directory:
        root = Path(directory, "root")
        with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
            for member in tar:
                where = PurePosixPath(member.name).relative_to(f"uvloop-{VERSION}")
                wanted = where.parts[:1] == ("tests",) or (where.parts[:1] == ("uvloop",) and where.suffix == ".py")
                if member.isfile() and wanted and ".." not in where.parts:
                    target = root / where
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(tar.extractfile(member).read())
        (root / "uvloop" / "loop.py").write_bytes(stand_in)
        try:
            os.rename(root, unpacked)
        except OSError:
            if not unpacked.exists():
                raise
            shutil.rmtree(root)
