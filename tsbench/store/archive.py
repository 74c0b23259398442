"""The .npz that numpy.savez_compressed writes, taken apart: the same arrays make the same bytes but for their packing.

zipfile takes other bytes for the same arrays as well, and longer.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

MOST_MEMBERS = 16
# As zipfile writes them for numpy: version 4.5, deflated, of 1 January 1980, sizes in the field for large files.
HEAD, HEAD_REST = struct.Struct("<4s22sHH"), struct.Struct("<HHQQ")
HEAD_BEGINS = struct.Struct("<5H")
USUAL = HEAD_BEGINS.pack(45, 0, 8, 0, 33)
SIZES_ELSEWHERE = b"\xff" * 8
ENTRY, END = struct.Struct("<4sH10s3I5H2I"), struct.Struct("<4s4H2IH")
MADE_BY, READABLE = 45 + (3 << 8), 0o600 << 16
NOT_AS_PACKED = "these are not the bytes that tsbench packs predictions as"


class _Member(NamedTuple):
    name: bytes
    crc: int
    packed: memoryview
    size: int
    begins: int


def members(content: bytes, most: int) -> dict[str, bytes]:
    """Return {name: content} of a file; raises ValueError for any other bytes, and before more than `most` unpack."""
    found, at = list[_Member](), 0
    while content[at : at + 4] == b"PK\x03\x04":
        if len(found) == MOST_MEMBERS:
            raise ValueError(NOT_AS_PACKED)
        found.append(_member(content, at))
        at = found[-1].begins + _n_head(found[-1]) + len(found[-1].packed)
    if content[at:] != _directory(found, at) or not found:
        raise ValueError(NOT_AS_PACKED)
    if (total := sum(one.size for one in found)) > most:
        raise ValueError(f"they unpack to {total} bytes, more than {most}")
    unpacked = {one.name.decode("ascii"): _unpacked(one) for one in found}
    if len(unpacked) != len(found):
        raise ValueError(NOT_AS_PACKED)
    return unpacked


def _member(content: bytes, at: int) -> _Member:
    _, about, n_name, n_rest = HEAD.unpack_from(content, at)
    crc, name_at = int.from_bytes(about[10:14], "little"), at + HEAD.size
    name = content[name_at : name_at + n_name]
    kind, n_sizes, size, n_packed = HEAD_REST.unpack_from(content, name_at + n_name)
    begins = name_at + n_name + n_rest
    usual = about[:10] == USUAL and about[14:] == SIZES_ELSEWHERE
    if not usual or (kind, n_sizes, n_rest) != (1, 16, HEAD_REST.size) or begins + n_packed > len(content):
        raise ValueError(NOT_AS_PACKED)
    return _Member(name, crc, memoryview(content)[begins : begins + n_packed], size, at)


def _n_head(member: _Member) -> int:
    return HEAD.size + len(member.name) + HEAD_REST.size


def _directory(found: list[_Member], at: int) -> bytes:
    """Return what follows the members, the last of which ends at `at`."""
    entries = b"".join(map(_entry, found))
    return entries + END.pack(b"PK\x05\x06", 0, 0, len(found), len(found), len(entries), at, 0)


def _entry(one: _Member) -> bytes:
    sizes = (one.crc, len(one.packed), one.size)
    return ENTRY.pack(b"PK\x01\x02", MADE_BY, USUAL, *sizes, len(one.name), 0, 0, 0, 0, READABLE, one.begins) + one.name


def _unpacked(member: _Member) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    data = unpacker.decompress(member.packed, member.size + 1)
    if len(data) != member.size or not unpacker.eof or unpacker.unused_data or zlib.crc32(data) != member.crc:
        raise ValueError(NOT_AS_PACKED)
    return data
