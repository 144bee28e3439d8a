"""Server properties: a default each, a value that is checked before it is kept, and the same however it is read."""

import pytest

from otae.errors import InputRefused
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Property
from otae.store.properties import PROPERTIES

pytestmark = pytest.mark.anyio

#: Values that are taken, with what is kept, and values that are refused.
VALUES: dict[str, tuple[dict[str, properties.Value], list[str]]] = {
    "macos.otae.enable": ({"false": False, " TRUE ": True}, ["", "1", "yes"]),
    "enrollment.delivery": ({"profile": "profile"}, ["OTA", "", "both"]),
    "enrollment.session.minutes": ({"5": 5, "1440": 1440}, ["4", "1441", "-5", "5.0", "٥", "", "1e2"]),
    "identity.grace.days": ({"0": 0, "90": 90}, ["91", "-1"]),
    "mdm.rights.corporate": ({"8191": 8191, "1043": 1043}, ["0", "8192", "1042", "1171", "8187.0", "-1"]),
    "mdm.rights.employee": ({"3827": 3827}, ["8190", "8189", "8175", "7167", "8127"]),
    "organization.name": ({"Größe & Co": "Größe & Co", "x" * 100: "x" * 100}, ["", "x" * 101, "two\nlines", "\u202e"]),
    "mail.bounce.domain": (
        {"Bounce.Example.ORG": "bounce.example.org", "": ""},
        ["example", "-a.org", "a b.org", "a..b"],
    ),
    "mail.bounce.lmtp": (
        {"127.0.0.1:2525": "127.0.0.1:2525", "10.0.0.1:1": "10.0.0.1:1", "[::1]:24": "[::1]:24", "": ""},
        [
            "11.0.0.1:25",
            "0.0.0.0:25",
            "169.254.1.1:25",
            "127.0.0.1",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "localhost:25",
        ],
    ),
    "phone.region": ({"de": "DE", "": ""}, ["XX", "DEU", "49"]),
    "macos.minimum.version": ({"14": "14", "14.6.1": "14.6.1", "": ""}, ["14.", "x", "14.6.1.2", "1400"]),
    "macos.refused.models": (
        {"MacBookPro16,1 ; Mac14,2 MacBookPro16,1": "MacBookPro16,1, Mac14,2", "": ""},
        ["MacBookPro", "MacBookPro16,1 and more"],
    ),
    "branding.accent": ({"#0A62BD": "#0a62bd", "#767676": "#767676", "": ""}, ["#777777", "#fff", "blue", "0a62bd"]),
    "notification.language": (
        {"de": "de", "pt-BR": "pt-BR", "zh-Hant-TW": "zh-Hant-TW", "": ""},
        ["DE", "german", "de_DE"],
    ),
}


@pytest.mark.parametrize("name", VALUES)
async def test_what_is_allowed_is_kept_and_everything_else_refused_beside_its_field(
    sqlite_desk: Desk, name: str
) -> None:
    taken, refused = VALUES[name]
    for text, value in taken.items():
        assert await properties.write(name, text) == value
        assert await properties.read(name) == (await properties.read_all())[name] == value
        assert await properties.read_some(name) == {name: value}
    for text in refused:
        with pytest.raises(InputRefused) as caught:
            await properties.write(name, text)
        assert set(caught.value.fields) == {"value"}
        assert caught.value.fields["value"].startswith(f"{name}: ")
    assert await properties.read(name) == value, "what was refused changed nothing"


@pytest.mark.parametrize("row", PROPERTIES, ids=lambda row: row.name)
def test_a_default_is_a_value_that_would_be_taken(row: properties.PropertyDefinition) -> None:
    text = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
    value = row.parse(text)
    assert (value, type(value)) == (row.default, type(row.default))


async def test_without_a_row_every_property_has_its_default(desk: Desk) -> None:
    defaults = {row.name: row.default for row in PROPERTIES}
    assert await Property.all().count() == 0
    assert list((await properties.read_all()).items()) == list(defaults.items())
    assert await properties.read_some(*defaults) == defaults
    assert await properties.flag("macos.otae.enable") is True
    assert await properties.number("identity.days") == 365
    assert await properties.word("enrollment.delivery") == "ota"


async def test_a_value_is_one_row_however_often_it_is_written(desk: Desk) -> None:
    for text in ("90", "91", "90"):
        await properties.write("identity.days", text)
    assert [(row.name, row.value) for row in await Property.all()] == [("identity.days", "90")]
    assert await properties.read_some("identity.days", "identity.renew.days") == {
        "identity.days": 90,
        "identity.renew.days": 30,
    }


async def test_what_is_no_property_is_said_by_name(desk: Desk) -> None:
    for ask in (properties.read("no.such"), properties.read_some("no.such"), properties.write("no.such", "1")):
        with pytest.raises(InputRefused) as caught:
            await ask
        assert set(caught.value.fields) == {"name"}
        assert "no.such" in caught.value.fields["name"]
    assert await Property.all().count() == 0
