"""What is packed is read back, and the same arrays in any other bytes are refused."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from tests.tsbench.store.test_store import make_result
from tsbench.errors import StoreError
from tsbench.store.archive import members
from tsbench.store.packing import pack, unpack, unpack_exact

ANSWERS = make_result().predictions


@pytest.mark.parametrize("fields", [{}, {"probabilities": True}, {"scores": np.asfortranarray(ANSWERS.scores)}])
def test_what_is_packed_is_read_back(fields):
    packed = pack(replace(ANSWERS, **fields))
    one, other = unpack(packed), unpack_exact(packed)
    for name in ("cases", "y_true", "y_pred", "scores"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert (one.classes, one.probabilities) == (other.classes, other.probabilities)


def arrays():
    return {name.removesuffix(".npy"): data for name, data in members(pack(ANSWERS), 2**20).items()}


def written(files, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", **options), "w", force_zip64=True) as file:
                file.write(data)
    return buffer.getvalue()


def saved(fields):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **fields)
    return buffer.getvalue()


def as_saved():
    return {name: np.load(io.BytesIO(data)) for name, data in arrays().items()}


def wider(files):
    head, _, rest = files["cases"].partition(b"}")
    return {**files, "cases": head[:-1] + b"}" + b" " + rest}


OTHERS = {
    "bytes behind": lambda: pack(ANSWERS) + b"x",
    "bytes before": lambda: b"x" + pack(ANSWERS),
    "bytes within the packing": lambda: pack(ANSWERS).replace(b"PK\x01\x02", b"xPK\x01\x02", 1),
    "a comment": lambda: pack(ANSWERS)[:-2] + b"\x01\x00x",
    "another order": lambda: saved(dict(reversed(as_saved().items()))),
    "another date": lambda: written(arrays(), date_time=(1990, 1, 1, 0, 0, 0)),
    "not packed": lambda: written(arrays()),
    "a header in other words": lambda: saved_raw(wider(arrays())),
    "cut off": lambda: pack(ANSWERS)[:-1],
    "nothing": lambda: b"",
    "a head alone": lambda: b"PK\x03\x04",
}


def saved_raw(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            with archive.open(info, "w", force_zip64=True) as file:
                file.write(data)
    return buffer.getvalue()


def test_the_helper_writes_what_is_read():
    assert saved_raw(arrays()) == saved(as_saved()) == pack(ANSWERS)


@pytest.mark.parametrize("what", OTHERS)
def test_the_same_arrays_in_other_bytes_are_refused(what):
    with pytest.raises(StoreError, match="its predictions cannot be read"):
        unpack_exact(OTHERS[what]())


def test_nothing_is_unpacked_that_would_not_fit():
    bomb = saved_raw({**arrays(), "scores": bytes(10**7)})
    with pytest.raises(StoreError, match=r"they unpack to 100\d+ bytes, more than 1000"):
        unpack_exact(bomb, 1000)


def test_no_flipped_byte_raises_anything_else():
    packed, rng = pack(ANSWERS), np.random.default_rng(0)
    for at in rng.integers(len(packed), size=400):
        flipped = bytearray(packed)
        flipped[at] ^= 1 << rng.integers(8)
        with pytest.raises(StoreError):
            unpack_exact(bytes(flipped))
