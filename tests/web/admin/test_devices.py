"""Manage → Devices."""

from datetime import timedelta

import httpx2
import pytest

from otae.mdm import rescue
from otae.store import database
from otae.store.models import AuditEntry, Certificate, Device, EnrollmentSession, Invitation
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.invitations.following import mac_of
from tests.invitations.guests import add_person
from tests.web.conftest import Site
from tests.web.page_forms import form_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def mac(site: Site) -> LabMac:
    """A Mac that Ben enrolled."""
    mac, now = LabMac(), await database.now()
    topic = await mac.install_profile(site.desk, await lab.signed_in(site.desk, now, "ben", way="profile"), now)
    await mac.authenticate(site.desk, now, topic)
    await mac.token_update(site.desk, now, topic)
    return mac


async def test_an_empty_list_names_the_next_step(console: httpx2.AsyncClient) -> None:
    answer = await console.get("/admin/devices")
    assert "No Mac has enrolled yet" in answer.text
    assert 'href="/admin/invitations/add"' in answer.text


async def test_macs_are_listed_and_found(console: httpx2.AsyncClient, mac: LabMac) -> None:
    text = (await console.get("/admin/devices")).text
    for shown in (mac.serial, "ben", "Enrolled", "Corporate", f"/admin/devices/{mac.udid}", "Certificate until"):
        assert shown in text
    assert mac.serial in (await console.get("/admin/devices?q=c02lab")).text
    assert "No Mac found" in (await console.get("/admin/devices?q=%25")).text
    assert mac.serial not in (await console.get(f"/admin/devices?after={(await Device.get()).id}")).text
    for query in ("after=-1;drop", "status=odd", "silent=1", "sort=udid", "order=1", "group=x"):
        assert (await console.get(f"/admin/devices?{query}")).status_code == 400, query


async def test_one_mac_is_shown_with_its_invitation(console: httpx2.AsyncClient, mac: LabMac) -> None:
    text = (await console.get(f"/admin/devices/{mac.udid}")).text
    assert mac.udid in text
    assert f"/admin/invitations/{(await Invitation.get()).id}" in text
    assert 'name="ask"' in text


async def test_the_rights_that_were_given_are_shown_in_words(console: httpx2.AsyncClient, mac: LabMac) -> None:
    page = f"/admin/devices/{mac.udid}"
    every = (await console.get(page)).text
    assert "Erase the Mac with everything on it" in every
    assert "Not given" not in every
    await EnrollmentSession.all().update(access_rights=3827)
    given, _, withheld = (await console.get(page)).text.partition("Not given")
    assert "See security settings" in given
    assert "Erase the Mac" not in given
    assert "Erase the Mac" in withheld
    assert "See which apps are installed" in withheld


async def test_a_mac_is_released_once(console: httpx2.AsyncClient, mac: LabMac) -> None:
    for _ in range(2):
        answer = await console.post(f"/admin/devices/{mac.udid}/release")
        assert answer.headers["location"] == f"/admin/devices/{mac.udid}"
    assert (await Device.get()).released
    assert await AuditEntry.filter(actor="ada", action="device.released").count() == 1
    assert "Release this Mac" not in (await console.get(f"/admin/devices/{mac.udid}")).text


async def test_macs_are_narrowed_sorted_and_downloaded(console: httpx2.AsyncClient, mac: LabMac) -> None:
    version = (await Device.get()).os_version
    for query, found in (
        ("status=enrolled", True),
        (f"macos={version}", True),
        ("silent=7", False),
        ("ownership=employee", False),
        ("sort=-seen", True),
    ):
        text = (await console.get(f"/admin/devices?{query}", follow_redirects=True)).text
        assert (f"/admin/devices/{mac.udid}" in text) is found, query
    answer = await console.get("/admin/devices?q=&status=enrolled&macos=")
    assert answer.headers["location"] == "/admin/devices?status=enrolled"
    text = (await console.get("/admin/devices?status=enrolled&sort=-serial")).text
    assert 'href="/admin/devices/export?status=enrolled&amp;sort=-serial"' in text
    assert f"/admin/invitations/{(await Invitation.get()).id}" in text
    file = await console.get("/admin/devices/export?status=enrolled")
    assert mac.serial in file.text
    part = await console.get("/admin/devices?q=c02lab", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert part.headers["hx-push-url"] == "/admin/devices?q=c02lab"


async def test_the_page_leads_to_history_and_certificates(console: httpx2.AsyncClient, mac: LabMac) -> None:
    text = (await console.get(f"/admin/devices/{mac.udid}")).text
    certificate = await Certificate.get(purpose="mdm-identity")
    assert f"/admin/certificates/issued/{certificate.id}" in text
    assert "History" in text


async def test_a_mac_is_unenrolled_once_after_a_question(console: httpx2.AsyncClient, mac: LabMac) -> None:
    page = f"/admin/devices/{mac.udid}"
    form = form_of((await console.get(page)).text, f"{page}/unenroll")
    assert "Unenroll this Mac" in (await console.get(page)).text
    for _ in range(2):
        answer = await console.post(form.action, data={"answered": "yes"})
        assert answer.headers["location"] == page
    assert (await Device.get()).status == "unenrolled"
    assert await AuditEntry.filter(actor="ada", action="device.unenrolled").count() == 1
    assert "Unenroll this Mac" not in (await console.get(page)).text
    assert (await console.post("/admin/devices/00000000-1111/unenroll", data={"answered": "yes"})).status_code == 404


async def test_an_unknown_mac_is_nowhere(console: httpx2.AsyncClient) -> None:
    assert (await console.get("/admin/devices/00000000-1111")).status_code == 404
    assert (await console.post("/admin/devices/00000000-1111/release")).status_code == 404


async def test_what_a_mac_says_is_only_ever_text(console: httpx2.AsyncClient, mac: LabMac) -> None:
    hostile = "<img src=x hx-get=/admin>"
    await Device.filter(udid=mac.udid).update(serial=hostile, name=hostile, model_name=hostile, os_version=hostile)
    for path in ("/admin/devices", f"/admin/devices/{mac.udid}"):
        text = (await console.get(path)).text
        assert "<img src=x" not in text
        assert "&lt;img src=x hx-get=/admin&gt;" in text


async def test_a_mac_that_gets_lost_is_shown_and_its_person_invited_again_once(
    console: httpx2.AsyncClient, site: Site
) -> None:
    now = await database.now()
    row = await mac_of(site.desk, await add_person(site.desk, "fay"), now - timedelta(days=20), serial="C02LOST00001")
    await rescue.mark(now=now)
    udid = (await Device.get(id=row.device_id)).udid
    assert "C02LOST00001 · fay" in (await console.get("/admin")).text
    page = (await console.get(f"/admin/devices/{udid}")).text
    assert "It has not connected for a long time." in page
    assert "Invite fay again for this Mac" in page
    first = await console.post(f"/admin/devices/{udid}/invite", follow_redirects=True)
    assert "The person is invited again, for this Mac alone." in first.text
    second = await console.post(f"/admin/devices/{udid}/invite", follow_redirects=True)
    assert "This person was invited for this Mac within the last 30 days." in second.text
    assert await Invitation.filter(serial="C02LOST00001").count() == 1
    assert (await console.post("/admin/devices/nobody/invite")).status_code == 404
