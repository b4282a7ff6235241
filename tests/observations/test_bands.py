from __future__ import annotations

import numpy as np
import pytest

from cropland.errors import ConfigError
from cropland.observations import bands
from cropland.observations.bands import BandSet


def test_an_index_is_that_of_its_definition() -> None:
    values = {
        "B2": np.array([500, 900], dtype=np.float32),
        "B4": np.array([1000, 2000], dtype=np.float32),
        "B8": np.array([3000, 2000], dtype=np.float32),
    }
    np.testing.assert_allclose(bands.index("NDVI", values), [0.5, 0.0], atol=1e-7)
    # Huete et al. 2002: EVI = 2.5 (N − R) / (N + 6 R − 7.5 B + 1), of reflectance.
    evi = 2.5 * 0.2 / (0.3 + 0.6 - 0.375 + 1)
    np.testing.assert_allclose(bands.index("EVI", values), [evi, 0.0], rtol=1e-6)


def test_an_index_is_missing_where_a_band_is_or_where_it_has_no_value() -> None:
    values = {"B4": np.array([np.nan, 0], np.float32), "B8": np.array([3000, 0], np.float32)}
    assert np.isnan(bands.index("NDVI", values)).all()


def test_every_index_that_is_offered_can_be_computed() -> None:
    values = {
        name: np.array([400.0 + 150 * number, 3000.0], dtype=np.float32)
        for number, name in enumerate(bands.STANDARD_NAMES)
    }
    for name in sorted(bands._computable()):
        assert bands.index(name, values).shape == (2,), name


def test_a_band_set_parts_what_changes_from_what_does_not() -> None:
    chosen = BandSet.of(["B4", "Lon", "NDVI", "SCL", "Lat"])
    assert chosen.dynamic == ("B4", "NDVI", "SCL")
    assert chosen.static == ("Lon", "Lat")
    assert chosen.measured(["B4", "B8", "SCL"]) == ("B4", "B8", "SCL")
    assert chosen.measured(["B4", "NDVI", "SCL"]) == ("B4", "NDVI", "SCL")


@pytest.mark.parametrize(
    ("name", "message"), [("NVDI", "did you mean 'NDVI'"), ("B10", "did you mean"), ("b4", "'B4'")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BandSet.of(["B8", name])


@pytest.mark.parametrize(("common", "catalogued"), [("NDRE", "NDREI"), ("BSI", "BI")])
def test_a_common_name_is_the_index_that_spyndex_knows_by_another(
    common: str, catalogued: str
) -> None:
    random = np.random.default_rng(5)
    values = {
        name: random.uniform(200, 5000, 20).astype(np.float32) for name in bands.STANDARD_NAMES
    }
    np.testing.assert_array_equal(bands.index(common, values), bands.index(catalogued, values))
    assert BandSet.of([common]).measured([]) == BandSet.of([catalogued]).measured([])


def test_common_names_are_those_of_their_definitions() -> None:
    names = {"B2": 500, "B4": 1000, "B5": 1500, "B8": 3000, "B11": 2000}
    values = {name: np.array([value], dtype=np.float32) for name, value in names.items()}
    # NDRE = (N - RE1) / (N + RE1); BSI = ((S1 + R) - (N + B)) / ((S1 + R) + (N + B)).
    np.testing.assert_allclose(bands.index("NDRE", values), 1500 / 4500, rtol=1e-6)
    np.testing.assert_allclose(bands.index("BSI", values), -500 / 6500, rtol=1e-5)
    assert BandSet.of(["BSI"]).measured(["B2"]) == ("B2", "B4", "B8", "B11")


@pytest.mark.parametrize(
    ("name", "band"),
    [
        *(
            ("B2", "B2"),
            ("B02", "B2"),
            ("b02", "B2"),
            (" b2 ", "B2"),
            ("blue", "B2"),
            ("Blue", "B2"),
        ),
        *(("B02_10m", "B2"), ("B12_20m", "B12"), ("b8a", "B8A"), ("nir", "B8"), ("nir08", "B8A")),
        *(
            ("swir16", "B11"),
            ("swir22", "B12"),
            ("rededge1", "B5"),
            ("coastal", "B1"),
            ("scl", "SCL"),
        ),
        *(("SCL_20m", "SCL"), ("ndvi", "NDVI"), ("NDVI", "NDVI"), ("evi2", "EVI2"), ("BAI", "BAI")),
        *(
            ("SI", "SI"),
            ("si", None),
            ("evi", "EVI"),
            ("bai", None),
            ("B10", None),
            ("B13", None),
            ("B002", None),
            ("rededge", None),
        ),
        *(("ID", None), ("Lat", None), ("QA60", None), ("", None), ("B2_m", None), ("VV", None)),
    ],
)
def test_every_name_of_a_band_is_read_by_one_table(name: str, band: str | None) -> None:
    assert bands.band_of(name) == band


@pytest.mark.parametrize(
    ("band", "names"),
    [
        ("B1", "coastal coastal_aerosol coastal-aerosol"),
        ("B3", "green B03"),
        ("B4", "red B04"),
        ("B5", "rededge1 rededge071 red_edge_1 B05"),
        ("B6", "rededge2 rededge075 red_edge_2 B06"),
        ("B7", "rededge3 rededge078 red_edge_3 B07"),
        ("B8", "nir B08"),
        ("B8A", "nir08 narrow_nir nir_narrow"),
        ("B9", "nir09 B09_60m"),
        ("B11", "swir16 swir1 swir_1"),
        ("B12", "swir22 swir2 swir_2"),
    ],
)
def test_catalogues_and_people_call_bands_by_these_names(band: str, names: str) -> None:
    assert {bands.sensor_band_of(name) for name in names.split()} == {band}


def test_a_band_of_the_sensor_is_no_index() -> None:
    assert bands.sensor_band_of("ndvi") is None
    assert bands.sensor_band_of("green") == "B3"
