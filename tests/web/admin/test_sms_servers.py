"""Settings → Notification servers: SMS gateways and carriers."""

from uuid import uuid4

import httpx2
import pytest

from otae.delivery.sms.gateways import GATEWAYS
from otae.delivery.sms.servers import TITLES
from otae.store import database, jobs
from otae.store.models import AuditEntry, CarrierGateway, Job, NotificationServer
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

LIST = "/admin/notification-servers"
SMS = f"{LIST}/sms"
CARRIERS = f"{LIST}/carriers"
ENTRIES = {
    "name": "Texts",
    "api_key": "abcd1234",
    "api_secret": "a gateway's own key",
    "sender": "Example",
    "timeout": "20",
    "retries": "5",
}
HOSTILE = "<img src=x onerror=alert(1)> {{ 7*7 }}"
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
async def texts(console: httpx2.AsyncClient) -> NotificationServer:
    """The gateway that Ada added in the browser."""
    answer = await console.post(f"{SMS}/add/vonage", data=ENTRIES)
    assert answer.status_code == 303, answer.text
    return await NotificationServer.get()


@pytest.mark.parametrize("gateway", TITLES)
async def test_each_gateway_is_offered_and_asks_for_its_own_fields(console: httpx2.AsyncClient, gateway: str) -> None:
    assert f'href="{SMS}/add/{gateway}"' in (await console.get(f"{SMS}/add")).text
    page = (await console.get(f"{SMS}/add/{gateway}")).text
    for each in GATEWAYS[gateway].fields if gateway in GATEWAYS else ():
        assert f'name="{each.name}"' in page
        assert (f'id="{each.name}" name="{each.name}" type="password"' in page) is each.secret


async def test_a_gateway_is_added_listed_and_never_gives_its_key_back(
    console: httpx2.AsyncClient, texts: NotificationServer
) -> None:
    assert (texts.active, texts.kind, texts.gateway) == (True, "sms", "vonage")
    listed = (await console.get(LIST)).text
    for shown in ("Texts", "Vonage (Nexmo)", "Example", "Active", "mail catcher takes all mail"):
        assert shown in listed
    page = (await console.get(f"{SMS}/{texts.id}")).text
    assert "One is stored and never shown" in page
    assert "a gateway's own key" not in page
    assert "a gateway&#39;s own key" not in page


async def test_a_gateway_is_changed_and_its_key_stays_when_left_empty(
    console: httpx2.AsyncClient, texts: NotificationServer
) -> None:
    sealed = texts.secrets_sealed
    changed = ENTRIES | {"sender": "IT", "api_secret": "", "rate": "30"}
    assert (await console.post(f"{SMS}/{texts.id}", data=changed)).status_code == 303
    row = await NotificationServer.get()
    assert (row.options["sender"], row.rate, row.secrets_sealed is not None) == ("IT", 30, True)
    assert sealed is not None


async def test_refused_entries_stand_beside_their_fields_and_stay_text(console: httpx2.AsyncClient) -> None:
    wrong = {"name": HOSTILE, "url": "http://x", "body": '{"to": ${sms.to}}', "ok_status": "no", "sender": HOSTILE}
    answer = await console.post(f"{SMS}/add/generic", data=ENTRIES | wrong)
    assert answer.status_code == 422
    for field in ("body", "ok_status", "sender"):
        assert f'id="{field}-errors"' in answer.text
    assert "<img src=x" not in answer.text
    assert "49</" not in answer.text
    answer = await console.post(f"{SMS}/add/vonage", data=ENTRIES | {"api_secret": "", "timeout": "x"})
    assert answer.status_code == 422
    assert await NotificationServer.all().count() == 0


async def test_a_test_is_ordered_followed_and_shown(
    console: httpx2.AsyncClient, site: Site, texts: NotificationServer
) -> None:
    here = f"{SMS}/{texts.id}"
    typed = ENTRIES | {"api_secret": "", "description": "of the cellar"}
    assert (await console.post(f"{here}/test", data=typed | {"recipient": "0151 1"})).status_code == 422
    assert (await NotificationServer.get()).description == ""
    answer = await console.post(f"{here}/test", data=typed | {"recipient": "+49 151 12345678"})
    assert answer.status_code == 303
    row = await NotificationServer.get()
    assert (row.description, row.secrets_sealed) == ("of the cellar", texts.secrets_sealed)
    job = await Job.get()
    assert job.input["recipient"] == "+4915112345678"
    assert "hx-get" in (await console.get(here)).text
    now = await database.now()
    claimed = await jobs.claim(job.id, now)
    assert claimed is not None
    said = {"ok": True, "words": f"accepted {HOSTILE}", "tls": "TLSv1.3 X", "said": ["> POST https://x", "< 200"]}
    await jobs.finish(claimed, said, now=now, failed=False)
    part = await console.get(f"{here}?seen={job.id}-queued", headers=PART)
    assert "Accepted" in part.text
    assert "<img" not in part.text
    assert "hx-get" not in part.text
    assert (await console.get(f"{here}?seen={job.id}-done", headers=PART)).status_code == 204


async def test_another_gateway_takes_over_and_the_first_is_removed(
    console: httpx2.AsyncClient, texts: NotificationServer
) -> None:
    await console.post(f"{SMS}/add/carrier", data=ENTRIES | {"name": "Carriers", "carrier": "Verizon"})
    other = await NotificationServer.get(name="Carriers")
    assert not other.active
    assert (await console.post(f"{SMS}/{other.id}/activate")).status_code == 303
    assert [row.name for row in await NotificationServer.filter(active=True)] == ["Carriers"]
    assert (await console.post(f"{SMS}/{texts.id}/remove")).status_code == 303
    assert await NotificationServer.all().count() == 1
    kinds = [row.action for row in await AuditEntry.filter(action__startswith="notification-server.")]
    assert {"notification-server.add", "notification-server.activate", "notification-server.remove"} <= set(kinds)


@pytest.mark.parametrize("where", ["", "/activate", "/remove", "/test"])
async def test_a_gateway_that_is_not_there_and_a_mail_server_are_404(console: httpx2.AsyncClient, where: str) -> None:
    mail = NotificationServer(name="M", host="m", from_name="x", from_email="x@x.test", created_at=await database.now())
    await mail.save(force_create=True)
    for server_id in (uuid4(), mail.id):
        assert (await console.post(f"{SMS}/{server_id}{where}", data=ENTRIES)).status_code == 404
    assert (await console.get(f"{SMS}/add/pigeon")).status_code == 404
    assert (await console.get(f"{SMS}/{mail.id}")).status_code == 404


async def test_carriers_are_listed_added_changed_removed_and_brought_back(console: httpx2.AsyncClient) -> None:
    assert "vtext.com" in (await console.get(CARRIERS)).text
    added = {"name": "Example Mobile", "domain": "txt.example.test", "country_code": "+49", "prefix": "0"}
    assert (await console.post(CARRIERS, data=added)).status_code == 303
    row = await CarrierGateway.get(name="Example Mobile")
    assert (row.country_code, row.prefix) == ("49", "0")
    assert (await console.get(f"{CARRIERS}/{row.id}")).status_code == 200
    assert (await console.post(f"{CARRIERS}/{row.id}", data=added | {"domain": "bad"})).status_code == 422
    assert (await console.post(f"{CARRIERS}/{row.id}", data=added | {"domain": "sms.example.test"})).status_code == 303
    assert (await CarrierGateway.get(id=row.id)).domain == "sms.example.test"
    assert (await console.post(f"{CARRIERS}/{row.id}/remove")).status_code == 303
    assert (await console.get(f"{CARRIERS}/{row.id}")).status_code == 404
    await CarrierGateway.filter(name="Sprint").delete()
    assert (await console.post(f"{CARRIERS}/restore")).status_code == 303
    assert await CarrierGateway.filter(name="Sprint").exists()


async def test_a_carrier_that_cannot_work_stands_beside_its_field(console: httpx2.AsyncClient) -> None:
    answer = await console.post(CARRIERS, data={"name": HOSTILE, "domain": "a@b", "country_code": "x"})
    assert answer.status_code == 422
    assert 'id="domain-errors"' in answer.text
    assert 'id="country_code-errors"' in answer.text
    assert "<img src=x" not in answer.text
