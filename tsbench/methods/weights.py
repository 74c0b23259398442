"""Pre-trained weights as a parameter's value: a file, or what a package serves, pinned by the sha256 of its content.

What the user gives, a path or "package:NAME", becomes "sha256:HEX@PLACE". The digest alone enters a run's identity; the
place says where the file was found. "sha256:HEX" is a file whose place is not known. The spelling of before,
"PATH@sha256:HEX", stays as it is and keeps its keys.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tsbench.errors import UsageError

PACKAGE = "package:"
READ = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
REFUSED = (".pkl", ".pickle", ".npz", ".npy", ".joblib", ".onnx", ".h5")
PINNED = re.compile(r"sha256:([0-9a-f]{64})(?:@(.*))?", re.DOTALL)
EARLIER = re.compile(r"(.*)@sha256:([0-9a-f]{64})", re.DOTALL)


@dataclass(frozen=True)
class Corpus:
    """What something was pre-trained on: the name of a dataset, a collection or anything else.

    fingerprint : `Data.fingerprint` of the data, where it is known.
    """

    name: str
    fingerprint: str = ""


Corpora = tuple[Corpus, ...]


def as_corpora(declared: Iterable[str | Corpus]) -> Corpora:
    """Return what was declared as `pretrained_on`; a text is a name."""
    return tuple(Corpus(one) if isinstance(one, str) else one for one in declared)


def pin(value: str | None, parameter: str, words: Iterable[str] = ()) -> str | None:
    """Return the value of a parameter for weights with the sha256 of the file it names.

    None, one of the `words` that name no file, and what is pinned already are returned as they are. Raises UsageError,
    in a line that names the parameter, where there is no such file or it holds no weights that are read.
    """
    if value is None or value in words or PINNED.fullmatch(value) or EARLIER.fullmatch(value):
        return value
    place = value if value.startswith(PACKAGE) else str(Path(value).expanduser().absolute())
    return f"sha256:{_look(find(place, parameter), parameter).sha256}@{place}"


def digest_of(value: Any) -> str:
    """Return the sha256 (hex) that a value is pinned by, "" where it is none."""
    if not isinstance(value, str):
        return ""
    pinned, earlier = PINNED.fullmatch(value), EARLIER.fullmatch(value)
    return pinned[1] if pinned else earlier[2] if earlier else ""


def without_place(value: Any) -> Any:
    """Return a parameter's value as it enters identities: of pinned weights the digest, whatever their place."""
    pinned = PINNED.fullmatch(value) if isinstance(value, str) else None
    return f"sha256:{pinned[1]}" if pinned else value


def shown(value: Any) -> Any:
    """Return a parameter's value as a label has it: of pinned weights the first digits, whatever their place."""
    pinned = PINNED.fullmatch(value) if isinstance(value, str) else None
    return f"sha256:{pinned[1][:12]}" if pinned else value


def place_of(value: str) -> str:
    """Return where a value says that its file is; "" where it does not."""
    pinned, earlier = PINNED.fullmatch(value), EARLIER.fullmatch(value)
    return (pinned[2] or "") if pinned else earlier[1] if earlier else value


def corpora_of(value: str | None, declared: Mapping[str, Iterable[str | Corpus]], parameter: str) -> Corpora | None:
    """Return what weights were pre-trained on, None where that is not declared; () without weights.

    declared : corpora by word or by the sha256 of a file. A safetensors file may say it itself, as JSON in its header:
    `{"pretrained_on": '["GunPoint", ["my data", "FINGERPRINT"]]'}`.
    """
    if value is None:
        return ()
    known = declared.get(value, declared.get(digest_of(value)))
    if known is not None:
        return as_corpora(known)
    if not digest_of(value) or not place_of(value):
        return None
    try:
        seen = _look(find(place_of(value), parameter), parameter)
    except UsageError:  # gone since it was pinned: whoever needs it says so
        return None
    return seen.corpora if seen.sha256 == digest_of(value) else None


def find(place: str, parameter: str) -> Path:
    """Return the file at a place, a path or "package:NAME" or "package:NAME/FILE"; raises UsageError."""
    if place.startswith(PACKAGE):
        return _served(place.removeprefix(PACKAGE), parameter)
    path = Path(place)
    if path.is_dir():
        raise UsageError(f"{parameter}: {place} is a folder; name the file of weights in it")
    if not path.is_file():
        raise UsageError(f"{parameter}: there is no file {place}; give a file of weights, or {PACKAGE}NAME")
    return path


def content_of(value: str, parameter: str) -> bytes:
    """Return the bytes of the file that a pinned value names; raises UsageError where it is gone or another."""
    wanted = digest_of(value)
    if not place_of(value):
        raise UsageError(f"{parameter}: where the weights with sha256 {wanted[:12]} lie is not known; give their file")
    try:
        path = find(place_of(value), parameter)
    except UsageError as error:
        raise UsageError(f"{error} (wanted are the weights with sha256 {wanted[:12]})") from None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, parameter, error) from None
    if hashlib.sha256(content).hexdigest() != wanted:
        raise UsageError(
            f"{parameter}: {path} has changed since the run was planned (wanted is sha256 {wanted[:12]}); "
            f"give {path} again"
        )
    return content


@dataclass(frozen=True)
class _Seen:
    sha256: str
    corpora: Corpora | None


def _look(path: Path, parameter: str) -> _Seen:
    """Return the sha256 of a file and the corpora it names; raises UsageError where it cannot hold weights."""
    try:
        status = path.stat()
        if not status.st_size:
            raise UsageError(f"{parameter}: {path} is empty")
        return _looked(path, parameter, (status.st_size, status.st_mtime_ns, status.st_ino))
    except OSError as error:
        raise _unreadable(path, parameter, error) from None


@lru_cache(maxsize=256)
def _looked(path: Path, parameter: str, state: tuple[int, ...]) -> _Seen:
    corpora = None
    if path.suffix == ".safetensors":
        corpora = _declared(_header(path, parameter), path, parameter)
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04" and not zipfile.is_zipfile(path):
            raise UsageError(f"{parameter}: {path} is cut off; get it again")
        file.seek(0)
        return _Seen(hashlib.file_digest(file, "sha256").hexdigest(), corpora)


def _header(path: Path, parameter: str) -> Mapping[str, str]:
    """Return what a safetensors file says of itself; raises UsageError where it is none, or cut off."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise UsageError(f"{parameter}: {path} is no safetensors file, or cut off: {error}") from None


def _declared(header: Mapping[str, str], path: Path, parameter: str) -> Corpora | None:
    if "pretrained_on" not in header:
        return None
    try:
        found = json.loads(header["pretrained_on"])
        if not isinstance(found, list):
            raise TypeError
        corpora = tuple(Corpus(*([one] if isinstance(one, str) else one)) for one in found)
        if not all(isinstance(text, str) for one in corpora for text in (one.name, one.fingerprint)):
            raise TypeError
    except (ValueError, TypeError, RecursionError):
        raise UsageError(
            f"{parameter}: {path}: its pretrained_on is no list of names or [name, fingerprint] in JSON"
        ) from None
    return corpora


def _served(name: str, parameter: str) -> Path:
    """Return the one file of weights that an installed package has, or that "NAME/FILE" names."""
    package, _, wanted = name.partition("/")
    try:
        files = importlib.metadata.distribution(package).files or []
    except (importlib.metadata.PackageNotFoundError, ValueError):
        raise UsageError(f"{parameter}: {PACKAGE}{package} is not installed; pip install it, or give a file") from None
    named = [file for file in files if not wanted or f"/{file.as_posix()}".endswith(f"/{wanted}")]
    read = [file for file in named if file.suffix in READ]
    if len(read) > 1:
        options = ", ".join(f"{PACKAGE}{package}/{file.as_posix()}" for file in read[:5])
        raise UsageError(f"{parameter}: {PACKAGE}{name} has {len(read)} files of weights; name one: {options}")
    if not read:
        suffixes = ", ".join(sorted({file.suffix for file in named if file.suffix in REFUSED}))
        raise UsageError(
            f"{parameter}: {PACKAGE}{name} has no file of weights that is read{suffixes and f' (it has {suffixes})'}; "
            f"those end in {', '.join(READ)}, since others may run code"
        )
    return find(str(read[0].locate()), parameter)


def _unreadable(path: Path, parameter: str, error: OSError) -> UsageError:
    return UsageError(f"{parameter}: {path} cannot be read: {error.strerror or error}")
