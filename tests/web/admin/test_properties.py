"""Settings → Server properties."""

import re

import httpx2
import pytest

from otae.store import properties
from otae.store.models import AuditEntry, Property
from tests.web.page_forms import form_of

pytestmark = pytest.mark.anyio


async def test_every_property_is_listed_with_value_default_and_help(console: httpx2.AsyncClient) -> None:
    await properties.write("identity.days", "90")
    text = (await console.get("/admin/properties")).text
    for row in properties.PROPERTIES:
        assert f'href="/admin/properties/{row.name}"' in text
    assert "<strong>90 days</strong>" in text
    assert ">365 days</td>" in text
    for title in ("Enrollment", "Messages", "Macs and their certificates", "What people see", "Server"):
        assert f">{title}</h2>" in text


async def test_properties_are_searched_by_name_and_description(console: httpx2.AsyncClient) -> None:
    found = (await console.get("/admin/properties?q=oldest%20macos")).text
    assert set(re.findall(r'href="/admin/properties/([\w.]+)"', found)) == {"macos.minimum.version"}
    assert "No property found" in (await console.get("/admin/properties?q=%3Cb%3E")).text


async def test_who_changed_a_property_is_shown_and_the_list_resets_it(console: httpx2.AsyncClient) -> None:
    await console.post("/admin/properties/identity.days", data={"value": "90"})
    text = (await console.get("/admin/properties")).text
    assert "by ada" in text
    assert text.count("/reset") == 1
    await console.post("/admin/properties/identity.days/reset")
    assert "/reset" not in (await console.get("/admin/properties")).text


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unseen(console: httpx2.AsyncClient) -> None:
    page = "/admin/properties/identity.days"
    form = form_of((await console.get(page)).text, page)
    await properties.write("identity.days", "90")
    sent = {"before": form.sent["before"][0], "value": "80"}
    answer = await console.post(page, data=sent)
    assert answer.status_code == 422
    assert "somebody changed it meanwhile, to: 90" in answer.text
    assert await properties.number("identity.days") == 90
    await console.post(page, data=sent | {"before": form_of(answer.text, page).sent["before"][0]})
    assert await properties.number("identity.days") == 80


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("identity.days", 'inputmode="numeric"'),
        ("macos.otae.enable", 'type="checkbox"'),
        ("enrollment.delivery", "one signed enrollment profile</option>"),
        ("enrollment.default.mode", "<option"),
        ("organization.timezone", '<option value="Europe/Berlin">'),
    ],
)
async def test_a_property_has_the_control_of_its_kind(console: httpx2.AsyncClient, name: str, control: str) -> None:
    assert control in (await console.get(f"/admin/properties/{name}")).text


async def test_a_property_is_set_and_reset_on_the_record(console: httpx2.AsyncClient) -> None:
    page = "/admin/properties/macos.otae.enable"
    assert "Reset" not in (await console.get(page)).text
    assert (await console.post(page, data={"value": "false"})).status_code == 303
    assert await properties.flag("macos.otae.enable") is False
    assert "Reset to the default (On)" in (await console.get(page)).text
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
