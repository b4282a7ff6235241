from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from standins.earthengine_calls import source_of as earth_engine
from standins.stac_calls import source_of as stac

from cropland.config.sources import Catalog
from cropland.errors import ConfigError

SHIPPED = yaml.safe_load((Path(__file__).parents[2] / "conf/source/stac.yaml").read_text())
CATALOGS = {name: Catalog(**values) for name, values in SHIPPED["catalogs"].items()}


@pytest.mark.parametrize(
    ("catalog", "sign", "endpoint"),
    [
        ("planetary_computer", True, None),
        ("https://planetarycomputer.microsoft.com/api/stac/v1", True, None),
        ("https://planetarycomputer.microsoft.com/api/stac/v1/", True, None),
        ("https://Planetarycomputer.Microsoft.com/api/stac/v1", True, None),
        ("earth_search", False, None),
        ("https://earth-search.aws.element84.com/v1", False, None),
        ("copernicus", False, "eodata.dataspace.copernicus.eu"),
        ("https://stac.dataspace.copernicus.eu/v1/", False, "eodata.dataspace.copernicus.eu"),
        ("https://another.host/stac", False, None),
        ("folder", False, None),
    ],
)
def test_links_of_a_catalogue_are_those_of_its_host(
    catalog: str, sign: bool, endpoint: str | None
) -> None:
    chosen = stac(catalog, catalogs=CATALOGS).chosen
    assert (chosen.sign, chosen.s3_endpoint) == (sign, endpoint)
    assert not stac(catalog, catalogs=CATALOGS, sign=False).chosen.sign


@pytest.mark.parametrize(
    ("collection", "why"),
    [
        ("COPERNICUS/S2_SR", "carries an offset of 1,000 in images from 2022-01-25 on"),
        ("COPERNICUS/S2", "is L1C"),
        ("COPERNICUS/S2_HARMONIZED", "is L1C"),
    ],
)
def test_collections_of_earth_engine_that_are_not_comparable_are_refused(
    collection: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{collection} {why}.*COPERNICUS/S2_SR_HARMONIZED"):
        earth_engine("https://earthengine.googleapis.com", collection=collection)


@pytest.mark.parametrize("host", ["https://files.example", "ada@files.example", "files.example:80"])
def test_hosts_are_names(host: str) -> None:
    assert stac("folder", hosts=("Files.example", "::1")).hosts == ("Files.example", "::1")
    with pytest.raises(ConfigError, match="without https:// and port, got"):
        stac("folder", hosts=(host,))
