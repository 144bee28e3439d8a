"""Settings → Server properties."""

import re

import httpx2
import pytest

from otae.store import properties
from otae.store.models import AuditEntry, Property

pytestmark = pytest.mark.anyio


async def test_every_property_is_listed_with_value_default_and_help(console: httpx2.AsyncClient) -> None:
    await properties.write("identity.days", "90")
    text = (await console.get("/admin/properties")).text
    for row in properties.PROPERTIES:
        assert f'href="/admin/properties/{row.name}"' in text
    assert "<strong>90</strong>" in text
    assert ">365</td>" in text


async def test_a_property_is_set_and_reset_on_the_record(console: httpx2.AsyncClient) -> None:
    page = "/admin/properties/macos.otae.enable"
    assert "Reset" not in (await console.get(page)).text
    assert (await console.post(page, data={"value": "false"})).status_code == 303
    assert await properties.flag("macos.otae.enable") is False
    assert "Reset to the default (true)" in (await console.get(page)).text
    assert (await console.post(f"{page}/reset")).status_code == 303
    assert await properties.flag("macos.otae.enable") is True
    kept = await AuditEntry.filter(actor="ada", subject="macos.otae.enable").order_by("id")
    assert [(entry.action, entry.detail) for entry in kept] == [
        ("property.set", "true → false"),
        ("property.reset", "false → true"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("identity.days", "0", "use a whole number from 1 to 825"),
        ("identity.days", "9" * 5000, "use a whole number from 1 to 825"),
        ("enrollment.delivery", '"><b>', "use ota or profile"),
        ("macos.otae.enable", "maybe", "use true or false"),
        ("organization.name", "", "enter a value"),
    ],
)
async def test_a_value_that_cannot_be_taken_is_refused_beside_its_field(
    console: httpx2.AsyncClient, name: str, value: str, words: str
) -> None:
    answer = await console.post(f"/admin/properties/{name}", data={"value": value})
    assert answer.status_code == 422
    assert 'id="value-errors"' in answer.text
    assert words in answer.text
    assert "<b>" not in answer.text
    assert await Property.all().count() == 0
    assert await AuditEntry.filter(subject=name).count() == 0


async def test_rights_are_check_boxes_and_those_that_are_needed_stay(console: httpx2.AsyncClient) -> None:
    page = "/admin/properties/mdm.rights.employee"
    ticked = set(re.findall(r'value="(\d+)" checked', (await console.get(page)).text))
    assert sum(map(int, ticked)) == 3827
    refused = await console.post(page, data={"value": [*(ticked - {"16", "1024"}), "4"]})
    assert refused.status_code == 422
    assert "renewing certificates and confirming the enrollment need also: See the Mac&#39;s name" in refused.text
    assert set(re.findall(r'value="(\d+)" checked', refused.text)) == ticked - {"16", "1024"} | {"4"}
    assert (await console.post(page)).status_code == 422
    assert (await console.post(page, data={"value": ["3"]})).status_code == 422
    assert (await console.post(page, data={"value": ["x", "\u0663", "9" * 5000]})).status_code == 422
    assert await Property.all().count() == 0
    assert (await console.post(page, data={"value": [*ticked, "4"]})).status_code == 303
    assert await properties.number("mdm.rights.employee") == 3831
    assert (await AuditEntry.get(subject="mdm.rights.employee")).detail == "3827 → 3831"


async def test_an_unknown_property_is_nowhere(console: httpx2.AsyncClient) -> None:
    assert (await console.get("/admin/properties/no.such")).status_code == 404
    assert (await console.post("/admin/properties/no.such", data={"value": "1"})).status_code == 404
    assert (await console.post("/admin/properties/no.such/reset")).status_code == 404
