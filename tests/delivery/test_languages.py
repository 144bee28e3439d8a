"""Times in messages: in the organization's time zone and the message's language, with the zone named."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from otae.delivery.texts.languages import LANGUAGES, format_expiry
from otae.errors import InputRefused
from otae.store import properties
from otae.store.desk import Desk

WINTER = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)
SUMMER = datetime(2026, 7, 24, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "language", "winter", "summer"),
    [
        ("UTC", "en", "24 December 2026, 18:00 UTC", "24 July 2026, 18:00 UTC"),
        ("UTC", "fr", "24 décembre 2026, 18:00 UTC", "24 juillet 2026, 18:00 UTC"),
        ("Europe/Berlin", "en", "24 December 2026, 19:00 CET", "24 July 2026, 20:00 CEST"),
        ("Europe/Berlin", "en-US", "December 24, 2026, 19:00 CET", "July 24, 2026, 20:00 CEST"),
        ("Europe/Berlin", "de", "24. Dezember 2026, 19:00 MEZ", "24. Juli 2026, 20:00 MESZ"),
        ("Europe/Berlin", "de-AT", "24. Dezember 2026, 19:00 MEZ", "24. Juli 2026, 20:00 MESZ"),
        ("Europe/Paris", "fr", "24 décembre 2026, 19:00 CET", "24 juillet 2026, 20:00 CEST"),
        ("Europe/Madrid", "es", "24 de diciembre de 2026, 19:00 CET", "24 de julio de 2026, 20:00 CEST"),
        ("Europe/Dublin", "en", "24 December 2026, 18:00 GMT", "24 July 2026, 19:00 IST"),
        ("America/New_York", "en", "24 December 2026, 13:00 EST", "24 July 2026, 14:00 EDT"),
        ("Asia/Tokyo", "en", "25 December 2026, 03:00 JST", "25 July 2026, 03:00 JST"),
        ("Asia/Kathmandu", "en", "24 December 2026, 23:45 GMT+05:45", "24 July 2026, 23:45 GMT+05:45"),
        ("Africa/Casablanca", "de", "24. Dezember 2026, 19:00 GMT+01:00", "24. Juli 2026, 19:00 GMT+01:00"),
    ],
)
def test_a_time_is_in_its_zone_and_language_and_names_the_zone(
    zone: str, language: str, winter: str, summer: str
) -> None:
    assert format_expiry(WINTER, language, ZoneInfo(zone)) == winter
    assert format_expiry(SUMMER, language, ZoneInfo(zone)) == summer


def test_the_hour_that_comes_twice_when_summer_ends_is_told_apart() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    said = [format_expiry(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), "de", berlin) for hour in (0, 1)]
    assert said == ["25. Oktober 2026, 02:30 MESZ", "25. Oktober 2026, 02:30 MEZ"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_of_a_translation_has_times(language: str) -> None:
    assert "19:00 " in format_expiry(WINTER, language, ZoneInfo("Europe/Berlin"))


@pytest.mark.anyio
async def test_an_unknown_time_zone_is_refused(desk: Desk) -> None:
    assert await properties.word("organization.timezone") == "UTC"
    for name in (
        "Europe/Nowhere",
        "europe/berlin",
        "CEST",
        "../UTC",
        "localtime",
        "Factory",
        "posix/UTC",
        "",
        "+01:00",
    ):
        with pytest.raises(InputRefused, match=r"organization.timezone: use a time zone's name") as refusal:
            await properties.write("organization.timezone", name)
        assert list(refusal.value.fields) == ["value"]
    assert await properties.write("organization.timezone", " Europe/Berlin ") == "Europe/Berlin"
