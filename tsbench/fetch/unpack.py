"""Taking named files out of a .zip archive that nobody vouches for."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from tsbench.fetch.web import UnusableError, what_it_is

MAX_UNPACKED_BYTES = 16 << 30
# Files of the archives shrink to no less than a seventieth; what shrinks more than this is made to fill a disk.
MAX_RATIO = 200
RATIO_FREE_BYTES = 64 << 20


def unpack(archive: Path, folder: Path, wanted: Sequence[str]) -> None:
    """Write the wanted files, by name and wherever they lie in the archive, into `folder`.

    Raises UnusableError where the archive is damaged, lacks a wanted file or has it twice, or has any member that
    leaves its folder, is a link, is encrypted, or unpacks to more than MAX_UNPACKED_BYTES or MAX_RATIO times the
    archive's size. OSError of the disk passes through.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _check(members, archive.stat().st_size)
            for name in wanted:
                with opened.open(_find(members, name)) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except zipfile.BadZipFile as error:
        with archive.open("rb") as file:
            found = what_it_is(file.read(512))
        what = f"{found} instead of a zip archive" if not zipfile.is_zipfile(archive) else "a damaged zip archive"
        raise UnusableError(f"{what} ({error})") from error
    except (zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # what zipfile's seeking raises for damage
            raise
        raise UnusableError(f"a damaged zip archive ({error})") from error


def _check(members: Sequence[zipfile.ZipInfo], packed: int) -> None:
    for member in members:
        name = member.orig_filename
        windows = PureWindowsPath(name)
        if windows.anchor or PurePosixPath(name).is_absolute() or ".." in windows.parts or "\0" in name:
            raise UnusableError(f"the archive is unsafe: its member {name!r} leaves the folder; nothing was unpacked")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnusableError(f"the archive is unsafe: its member {name!r} is a link or device; nothing was unpacked")
        if member.flag_bits & 0x1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnusableError(f"the archive's member {name!r} is encrypted or compressed by an unknown method")
    total = sum(member.file_size for member in members)
    if total > MAX_UNPACKED_BYTES or total > max(RATIO_FREE_BYTES, MAX_RATIO * packed):
        raise UnusableError(
            f"the archive is unsafe: {packed} bytes unpack to {total}, more than {MAX_RATIO} times as many or than "
            f"{MAX_UNPACKED_BYTES}; nothing was unpacked"
        )


def _find(members: Sequence[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    found = [member for member in members if PurePosixPath(member.filename).name == name and not member.is_dir()]
    if len(found) != 1:
        held = ", ".join(sorted(member.filename for member in members)[:5]) or "nothing"
        raise UnusableError(f"the archive holds {name} {len(found)} times where it should once; it holds {held}")
    return found[0]
