"""Cubes that run code, lead to other files, or are not what they say: one line each."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google_crc32c
import h5py
import numcodecs
import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
from hostile.claims import BRIEFLY, answered, damaged, refused
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords
from standins.cube_files import BANDS, COLUMNS, NAMES, ROWS, TIMES, TRANSFORM, netcdf, zarr
from zarr import create_array, open_array
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from cropland.sources.cubes.cube import open_cube

SHAPE = (len(TIMES), ROWS, COLUMNS)
Edit = Callable[[Any], None]


class Call:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def cube() -> xr.Dataset:
    """Four images of 6 × 8 pixels, every value of a band 1500."""
    grid = GeoBox((ROWS, COLUMNS), TRANSFORM, "EPSG:32639")
    bands: dict[Any, Any] = {
        band: (("time", "y", "x"), np.full(SHAPE, 4 if band == "SCL" else 1500, np.uint16))
        for band in BANDS
    }
    coords: dict[Any, Any] = {"time": TIMES, "granule": ("time", list(NAMES)), **xr_coords(grid)}
    return xr.Dataset(bands, coords)


def opened(path: Path) -> xr.Dataset:
    """Open a cube and read all of it."""
    cube = open_cube(path)
    return cube.part(cube.grid, cube.first, cube.last, BANDS)


def edited(path: Path, name: str, edit: Edit) -> Path:
    """Edit a metadata file of a Zarr folder."""
    document = json.loads((path / name).read_text())
    edit(document)
    (path / name).write_text(json.dumps(document))
    return path


def edited_file(path: Path, edit: Edit) -> Path:
    """Edit an HDF5 file."""
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def line(path: Path) -> str:
    return refused(lambda: opened(path))


@pytest.mark.parametrize("version", [2, 3])
def test_a_whole_cube_is_read(cube: xr.Dataset, tmp_path: Path, version: int) -> None:
    assert (opened(zarr(cube, tmp_path / "cube", version))["B2"] == 1500).all()
    assert (opened(netcdf(cube, tmp_path / "cube"))["B2"] == 1500).all()


def test_a_filter_that_runs_code(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")

    def edit(document: Any) -> None:
        document |= {"filters": [{"id": "pickle"}], "compressor": None, "dtype": "|O"}

    edited(path, "granule/.zarray", edit)
    (path / "granule" / "0").write_bytes(pickle.dumps(Call(tmp_path / "it ran")))
    assert "granule is stored by 'pickle', expected zstd" in line(path)
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("name", ["x", "B2"])
def test_sizes_that_nothing_bears_out(cube: xr.Dataset, tmp_path: Path, name: str) -> None:
    path = zarr(cube, tmp_path / "cube")
    size = [10**12] if name == "x" else [40_000, 40_000, 40_000]
    edited(path, f"{name}/.zarray", lambda document: document.update(shape=size, chunks=size))
    assert "in memory, expected at most 1" in line(path)


def test_a_coordinate_of_10_to_the_12(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")
    edited(path, "x/.zarray", lambda document: document.update(shape=[10**12]))
    assert "x has 1000000000000 elements, expected at most 5000000" in line(path)


def test_a_link_out_of_a_store(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")
    (path / "B2").rename(tmp_path / "elsewhere")
    (path / "B2").symlink_to(tmp_path / "elsewhere")
    assert "B2 is a link, expected only files and folders" in line(path)


def test_a_pipe_in_a_store(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")
    (path / "B2" / "0.0.0").unlink()
    os.mkfifo(path / "B2" / "0.0.0")
    assert "B2/0.0.0 is a pipe or device" in line(path)


@pytest.mark.parametrize("name", ["time", "x", "y", "granule"])
@pytest.mark.parametrize("version", [2, 3])
def test_a_lost_chunk_of_a_coordinate(
    cube: xr.Dataset, tmp_path: Path, name: str, version: int
) -> None:
    if version == 3:
        cube = cube.assign_coords(granule=("time", list(NAMES)))
    path = cube.to_zarr(tmp_path / "cube", zarr_format=version, consolidated=False) and tmp_path
    (path / "cube" / name / ("c/0" if version == 3 else "0")).unlink()
    assert f"has lost 1 chunks of its {name}; write it again" in line(path / "cube")


def test_a_first_time_that_zarr_leaves_out_is_its_own_fill_value(
    cube: xr.Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "cube"
    days = cube.assign_coords(time=TIMES.astype("datetime64[D]").astype("datetime64[s]"))
    days.isel(time=[0]).to_zarr(path, zarr_format=2, consolidated=False)
    for at in (1, 3):
        days.isel(time=[at]).to_zarr(path, append_dim="time", zarr_format=2, consolidated=False)
    assert not (path / "time" / "0").exists()
    assert opened(path)["time"].dt.day.to_numpy().tolist() == [1, 3, 20]
    (path / "time" / "1").unlink()
    assert "has lost 2 chunks of its time" in line(path)


def test_a_lost_chunk_that_would_be_read_as_a_value(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube", 3)
    edited(path, "B2/zarr.json", lambda document: document.update(fill_value=1200))
    (path / "B2" / "c" / "0" / "0" / "0").unlink()
    said = (
        "has 1 chunks of B2 that are not stored and read as 1200, which is not declared as no data"
    )
    assert said in line(path)


def test_the_same_of_netcdf(cube: xr.Dataset, tmp_path: Path) -> None:
    def edit(file: Any) -> None:
        del file["B2"]
        file.create_dataset("B2", SHAPE, "u2", chunks=(1, ROWS, COLUMNS), fillvalue=1200)

    assert "4 chunks of B2 that are not stored" in line(
        edited_file(netcdf(cube, tmp_path / "cube"), edit)
    )


def test_chunks_without_data_are_said(cube: xr.Dataset, tmp_path: Path) -> None:
    cube = cube.chunk(time=1).assign(B2=cube["B2"].where(cube["time"] > TIMES[0], 0).chunk(time=1))
    path = zarr(cube, tmp_path / "cube")
    assert not (path / "B2" / "0.0.0").exists()
    assert open_cube(path).reader.notes == (
        "chunks that are not stored count as no data: 1 of 4 of B2",
    )
    assert (opened(path)["B2"][0] == 0).all()


def test_a_chunk_that_was_cut_off(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")
    chunk = path / "B2" / "0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:-5])
    assert "a chunk of Blosc is not as long as it says" in line(path)


@pytest.mark.parametrize("name", ["x", "y"])
def test_coordinates_that_are_all_the_same(cube: xr.Dataset, tmp_path: Path, name: str) -> None:
    cube = cube.assign_coords({name: cube[name] * 0 + 4_000_000})
    assert "has no regular grid" in line(zarr(cube, tmp_path / "cube"))


@pytest.mark.parametrize("name", ["B2", "granule"])
@pytest.mark.parametrize("codec", [numcodecs.Zlib(), numcodecs.GZip()])
@pytest.mark.parametrize(
    "damage", [lambda chunk: chunk[:-9], lambda chunk: chunk[:12] + b"\xff" * 9]
)
def test_a_damaged_chunk_of_any_codec(
    cube: xr.Dataset, tmp_path: Path, name: str, codec: Any, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "cube"
    cube.to_zarr(path, zarr_format=2, encoding={name: {"compressors": codec}})
    chunk = path / name / ("0.0.0" if name == "B2" else "0")
    chunk.write_bytes(damage(chunk.read_bytes()))
    assert "cannot be read" in line(path)


def test_a_chunk_that_says_that_it_is_large(cube: xr.Dataset, tmp_path: Path) -> None:
    path = zarr(cube, tmp_path / "cube")
    chunk = path / "B2" / "0.0.0"
    content = bytearray(chunk.read_bytes())
    content[4:8] = (2**31 - 1).to_bytes(4, "little")
    chunk.write_bytes(bytes(content))
    assert "a chunk of Blosc is not as long as it says, or too long" in line(path)


def zstd_without_size(values: bytes) -> bytes:
    """Compress values as a stream, whose frame does not say how many they are."""
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(values)
    return bytes(target.getvalue())


PACKED: dict[str, tuple[Any, Callable[[bytes], bytes]]] = {
    "zlib": (numcodecs.Zlib(), zlib.compress),
    "gzip": (numcodecs.GZip(), gzip.compress),
    "lz4": (numcodecs.LZ4(), numcodecs.LZ4().encode),
    "blosc": (numcodecs.Blosc(), numcodecs.Blosc().encode),
    "zstd": (numcodecs.Zstd(), numcodecs.Zstd().encode),
    "zstd, no size": (numcodecs.Zstd(), zstd_without_size),
}
"""By codec: how an array says that it is stored, and what packs bytes."""
PACKED_3: dict[str, Any] = {
    "gzip": GzipCodec(),
    "zstd": ZstdCodec(),
    "zstd, no size": ZstdCodec(),
    "blosc": BloscCodec(),
}
LARGE = 16 << 20


def line_in_little_memory(path: Path) -> str:
    tracemalloc.start()
    try:
        said = line(path)
        assert tracemalloc.get_traced_memory()[1] < LARGE
    finally:
        tracemalloc.stop()
    return said


@pytest.mark.parametrize("name", ["B2", "granule"])
@pytest.mark.parametrize("codec", PACKED)
def test_a_chunk_that_unpacks_to_more_than_its_array_has(
    cube: xr.Dataset, tmp_path: Path, codec: str, name: str
) -> None:
    stored, pack = PACKED[codec]
    path = tmp_path / "cube"
    cube["granule"] = cube["granule"].astype("U80")
    cube.to_zarr(path, zarr_format=2, encoding={name: {"compressors": stored}})
    chunk = path / name / ("0.0.0" if name == "B2" else "0")
    whole = chunk.read_bytes()
    chunk.write_bytes(pack(bytes(stored.decode(whole))))
    assert (opened(path)["B2"] == 1500).all()
    chunk.write_bytes(pack(bytes(LARGE)))
    said = line_in_little_memory(path)
    assert "unpacks to more bytes than its array has" in said or "or too long" in said


@pytest.mark.parametrize("shards", [None, (8,)])
@pytest.mark.parametrize("codec", PACKED_3)
def test_the_same_of_version_3(tmp_path: Path, codec: str, shards: Any) -> None:
    folder = tmp_path / "array"
    values = np.arange(8, dtype=np.uint16)
    how: dict[str, Any] = {"chunks": (8,), "compressors": PACKED_3[codec], "shards": shards}
    create_array(folder, shape=(8,), dtype="u2", **how)[:] = values
    array = open_array(folder, mode="r")
    assert (array[:] == values).all()
    content = PACKED[codec][1](bytes(1 << 20))
    if shards is not None:
        index = np.array([0, len(content)], "<u8").tobytes()
        content += index + google_crc32c.value(index).to_bytes(4, "little")
    (folder / "c" / "0").write_bytes(content)
    with pytest.raises(ValueError, match="unpacks to more bytes|or too long"):
        array[:]


@pytest.mark.parametrize("codec", [numcodecs.Zstd(), numcodecs.GZip()])
def test_frames_that_follow_the_first_one(cube: xr.Dataset, tmp_path: Path, codec: Any) -> None:
    path = tmp_path / "cube"
    cube.to_zarr(path, zarr_format=2, encoding={"B2": {"compressors": codec}})
    chunk = path / "B2" / "0.0.0"
    chunk.write_bytes(chunk.read_bytes() + codec.encode(bytes(LARGE)))
    assert "cannot be read in rows" in line_in_little_memory(path)


@pytest.mark.parametrize("codec", [numcodecs.BZ2(), numcodecs.LZMA()])
def test_codecs_that_do_not_stop(cube: xr.Dataset, tmp_path: Path, codec: Any) -> None:
    path = tmp_path / "cube"
    cube.to_zarr(path, zarr_format=2, encoding={"B2": {"compressors": codec}})
    assert f"{codec.codec_id!r}, expected zstd, blosc, gzip, zlib or lz4" in line(path)


@pytest.mark.parametrize("write", [zarr, netcdf])
def test_a_cube_that_takes_more_memory_than_there_is(
    cube: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path]
) -> None:
    stored = open_cube(write(cube, tmp_path / "cube"))

    def read(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(type(stored.reader), "read", read)
    said = refused(lambda: stored.part(stored.grid, stored.first, stored.last, BANDS))
    assert "takes more memory than there is in rows 0 to 6" in said


@pytest.mark.parametrize(
    "how",
    [
        {"compressors": BloscCodec()},
        {"compressors": [BloscCodec(), Crc32cCodec()]},
        {"compressors": BloscCodec(), "shards": (8,)},
    ],
)
def test_a_chunk_of_another_length_wherever_blosc_decodes_it(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    values = np.arange(8, dtype=np.uint16)
    folder = tmp_path / "array"
    create_array(folder, shape=(8,), chunks=(8,), dtype="u2", **how)[:] = values
    array = open_array(folder, mode="r")
    assert (pickle.loads(pickle.dumps(array))[:] == values).all()
    content = bytearray((folder / "c" / "0").read_bytes())
    content[12] += 1
    if len(content) == content[12] + 3:
        content[-4:] = google_crc32c.value(bytes(content[:-4])).to_bytes(4, "little")
    (folder / "c" / "0").write_bytes(content)
    for stored in (array, pickle.loads(pickle.dumps(array))):
        with pytest.raises(ValueError, match="a chunk of Blosc is not as long as it says"):
            stored[:]


@pytest.mark.parametrize(
    ("variable", "name", "value"),
    [
        *(("B2", "scale_factor", value) for value in ("abc", [1, 2], float("nan"))),
        *(("B2", "add_offset", value) for value in ("abc", {"a": 1})),
        *(("B2", "_FillValue", value) for value in ([1, 2], "abc")),
        ("B2", "missing_value", [1, 2]),
        *(("B2", "grid_mapping", value) for value in (5, ["a"])),
        *(("B2", "_ARRAY_DIMENSIONS", value) for value in (None, "abc", ["time", "time", "x"])),
        *(("time", "units", f"days since {day}") for day in ("9999999-01-01", "9" * 5_000)),
        *(("time", "units", value) for value in ("x" * 5_000_000, 5, ["days since 2000-01-01"])),
        *(("time", "calendar", value) for value in ("nonsense", 7)),
    ],
)
def test_attributes_of_a_variable(
    cube: xr.Dataset, tmp_path: Path, variable: str, name: str, value: Any
) -> None:
    path = zarr(cube, tmp_path / "cube")
    edited(path, f"{variable}/.zattrs", lambda document: document.update({name: value}))
    assert str(path) in line(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spatial_ref", "+init=/etc/hostname:x"),
        ("spatial_ref", "+proj=utm +zone=39 +nadgrids=/etc/hostname"),
        ("spatial_ref", "x" * 10_000_000),
        ("spatial_ref", [1]),
        ("crs_wkt", "+init=/etc/hostname:x"),
        ("GeoTransform", 5),
        ("GeoTransform", "nan nan nan nan nan nan"),
        ("gcps", "[" * 200_000),
    ],
)
def test_attributes_of_the_crs(cube: xr.Dataset, tmp_path: Path, name: str, value: Any) -> None:
    path = zarr(cube, tmp_path / "cube")
    edited(path, "spatial_ref/.zattrs", lambda document: document.update({name: value}))
    assert len(line(path)) < 1_000


def external_link(file: Any) -> None:
    del file["B2"]
    file["B2"] = h5py.ExternalLink("elsewhere.nc", "/B2")


def soft_link(file: Any) -> None:
    file.move("B2", "other")
    file["B2"] = h5py.SoftLink("/other")


def virtual(file: Any) -> None:
    del file["B2"]
    layout = h5py.VirtualLayout(SHAPE, "u2")
    layout[...] = h5py.VirtualSource("elsewhere.nc", "B2", SHAPE)
    file.create_virtual_dataset("B2", layout)


def external_values(file: Any) -> None:
    del file["B2"]
    file.create_dataset("B2", SHAPE, "u2", external=[("/etc/hostname", 0, 2 * np.prod(SHAPE))])


def plugin(file: Any) -> None:
    del file["B2"]
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk(SHAPE)
    settings.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple(SHAPE)
    h5py.h5d.create(file.id, b"B2", h5py.h5t.NATIVE_UINT16, space, settings)


def large_chunk(file: Any) -> None:
    del file["B2"]
    file.create_dataset("B2", (4, 60_000, 60_000), "u2", chunks=(1, 60_000, 30_000))


def circle(file: Any) -> None:
    file.create_group("group")["again"] = file["/"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (external_link, "B2 is a link, expected a variable or group"),
        (soft_link, "B2 is a link, expected a variable or group"),
        (virtual, "/B2 has its values in other files"),
        (external_values, "/B2 has its values in other files"),
        (plugin, "/B2 is compressed by 32015, expected zlib"),
        (large_chunk, "a chunk of /B2 takes 3.35 GB in memory, expected at most 1"),
        (circle, "it has more than 1000 variables and groups"),
    ],
)
def test_netcdf_that_leads_elsewhere(
    cube: xr.Dataset, tmp_path: Path, edit: Edit, said: str
) -> None:
    netcdf(cube, tmp_path / "elsewhere")
    assert said in line(edited_file(netcdf(cube, tmp_path / "cube"), edit))


def test_a_pipe_that_is_called_netcdf(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cube.nc")
    assert "cube.nc" in line(tmp_path / "cube.nc")


@pytest.mark.parametrize("classes", [4242, 12, -5, 4.5])
@pytest.mark.parametrize("write", [zarr, netcdf])
def test_scene_classes_that_there_are_not(
    cube: xr.Dataset, tmp_path: Path, classes: float, write: Callable[..., Path]
) -> None:
    kind = np.int32 if classes == int(classes) else np.float32
    cube = cube.assign(SCL=cube["SCL"].astype(kind) * 0 + kind(classes))
    assert "expected scene classes from 0 to 11" in line(write(cube, tmp_path / "cube"))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        (lambda cube: cube.isel(x=slice(None, None, -1)), "mirrored grid"),
        (
            lambda cube: cube.assign_coords(x=cube["x"].where(cube["x"] > cube["x"][2])),
            "no regular",
        ),
        (lambda cube: cube.assign_coords(x=cube["x"] * 1e300), "expected square ones"),
        (lambda cube: cube.assign_coords(time=[*TIMES[:3], np.datetime64("NaT")]), "no dates"),
        (lambda cube: cube.isel(time=slice(0, 0)), "has no image"),
        (lambda cube: cube.isel(x=slice(0, 0)), "no regular grid"),
        (lambda cube: cube.isel(y=slice(0, 0)), "no regular grid"),
    ],
)
@pytest.mark.parametrize("write", [zarr, netcdf])
def test_odd_coordinates(
    cube: xr.Dataset,
    tmp_path: Path,
    shape: Callable[[xr.Dataset], xr.Dataset],
    said: str,
    write: Callable[..., Path],
) -> None:
    assert said in line(write(shape(cube), tmp_path / "cube"))


@BRIEFLY
@given(data=st.data())
@pytest.mark.parametrize("name", ["cube.nc", "B2/.zarray", "B2/0.0.0", "spatial_ref/.zattrs"])
def test_whatever_the_bytes(
    cube: xr.Dataset, tmp_path: Path, name: str, data: st.DataObject
) -> None:
    path = tmp_path / "cube.nc" if name.endswith(".nc") else tmp_path / "cube.zarr"
    damaged_file = path if name.endswith(".nc") else path / name
    if not path.exists():
        (netcdf if name.endswith(".nc") else zarr)(cube, path)
        (tmp_path / "whole").write_bytes(damaged_file.read_bytes())
    damaged_file.write_bytes(data.draw(damaged((tmp_path / "whole").read_bytes())))
    with answered():
        opened(path)
