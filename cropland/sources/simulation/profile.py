"""What makes one simulated country differ from another."""

from __future__ import annotations

from dataclasses import dataclass

from cropland.config.schema import Closed, require


@dataclass(frozen=True)
class Profile(Closed):
    """Climate, cropping and difficulty of a simulated country.

    The defaults are a plausible dry country with winter rain and serve any box on Earth. Days of
    the year are those of the northern hemisphere; south of the equator everything happens half a
    year later. Shares and covers are fractions from 0 to 1.

    Attributes
    ----------
    season_start
        Day of the year on which a season-year begins, in the bare time between two crops.
    main_peak, main_days
        Day of the year of peak cover, and length in days, of the main crop.
    second_peak, second_days
        The same for the second crop, grown on irrigated fields only.
    calendar_spread
        Standard deviation in days of a field's sowing and harvest about its country's calendar.
    rain_peak, rain_days
        Day of the year and length in days of the green-up of wild plants after the rains.
    cultivated
        Share of the land in fields, roughly.
    clustering
        How sharply fields keep to river and canal zones; 0 scatters them.
    wooded
        Share of the land outside fields under trees and gardens, green all year.
    barren
        Share of the land outside fields that hardly anything grows on.
    shrub
        Mean cover of evergreen shrubs on rangeland.
    grass
        Mean peak cover of annual grass on rangeland.
    meadow
        Share of rangeland parcels that green up as high and as late as a crop.
    dark_soil
        Mean share of dark in the colour of the soil.
    soil_contrast
        How much darker the soil is where fields are likely.
    irrigated
        Share of fields with irrigation.
    double, second_only
        Shares of an irrigated field's cropped years with both crops, and with the second alone.
    fallow
        Share of season-years in which a field is not cropped.
    weeds
        Mean peak cover of weeds on a fallow field.
    poor
        Share of crops that fail or stand thin.
    cloud, cloud_swing
        Mean cloud cover over the year, and how far it swings with the seasons.
    cloud_peak
        Day of the year with most cloud.
    haze
        Mean reflectance that aerosol adds to B2.
    label_noise
        Share of labelled points with the wrong label.
    """

    season_start: int = 305
    main_peak: int = 110
    main_days: float = 110.0
    second_peak: int = 225
    second_days: float = 90.0
    calendar_spread: float = 10.0
    rain_peak: int = 90
    rain_days: float = 80.0
    cultivated: float = 0.45
    clustering: float = 4.0
    wooded: float = 0.12
    barren: float = 0.35
    shrub: float = 0.15
    grass: float = 0.3
    meadow: float = 0.05
    dark_soil: float = 0.3
    soil_contrast: float = 0.2
    irrigated: float = 0.6
    double: float = 0.3
    second_only: float = 0.2
    fallow: float = 0.2
    weeds: float = 0.15
    poor: float = 0.08
    cloud: float = 0.25
    cloud_swing: float = 0.15
    cloud_peak: int = 20
    haze: float = 0.01
    label_noise: float = 0.03

    def __post_init__(self) -> None:
        require(
            0 < self.cultivated < 1,
            f"a profile's cultivated must lie between 0 and 1, got {self.cultivated}",
        )
