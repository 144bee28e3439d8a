"""SMS gateways as servers: what is taken and what is refused, keys that never show, and the test of one."""

from typing import Any

import pytest

from otae.delivery import connection_test, servers
from otae.delivery.sms import servers as sms_servers
from otae.delivery.sms.sender import gateway_values
from otae.delivery.sms.servers import add_sms_server, update_sms_server
from otae.errors import InputRefused
from otae.settings import Settings
from otae.store import jobs
from otae.store.desk import Desk
from otae.store.models import AuditEntry, NotificationServer
from tests.delivery.conftest import NOW
from tests.delivery.texting import BEN, BODY, KEYS, UseGateway, entry
from tests.servers import sms
from tests.servers.sms import StartProvider

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """The ledger is shown on both databases with mail; what is new here is no matter of the database."""
    return sqlite_settings.model_copy(update={"allow_private": True})


async def test_keys_are_sealed_kept_when_left_empty_and_never_shown(desk: Desk) -> None:
    row = await add_sms_server(desk, entry(), now=NOW, actor="ada")
    assert row.active
    assert "api_secret" not in row.options
    assert b"s3cr3t" not in (row.secrets_sealed or b"")
    assert "s3cr3t" not in repr(entry()) + repr(row) + str(sms_servers.public_values(row))
    await update_sms_server(desk, row, entry(values=KEYS | {"api_secret": ""}), now=NOW, actor="ada")
    assert gateway_values(desk, row)["api_secret"] == "s3cr3t"
    assert "s3cr3t" not in str([each.detail for each in await AuditEntry.all()])
    second = await add_sms_server(desk, entry(name="Other"), now=NOW, actor="ada")
    assert not second.active
    await servers.activate(desk, second, now=NOW, actor="ada")
    assert [each.name for each in await servers.servers_in_order("sms")] == ["Other"]


async def test_a_secret_is_only_sent_to_the_address_it_was_entered_for(desk: Desk) -> None:
    row = await add_sms_server(desk, entry(), now=NOW, actor="ada")
    elsewhere = KEYS | {"base_url": "https://evil.example.test"}
    with pytest.raises(InputRefused, match="enter it again") as refused:
        await update_sms_server(desk, row, entry(values=elsewhere | {"api_secret": ""}), now=NOW, actor="ada")
    assert list(refused.value.fields) == ["api_secret"]
    await update_sms_server(desk, row, entry(values=elsewhere), now=NOW, actor="ada")
    again = elsewhere | {"base_url": "https://EVIL.example.test/eu", "api_secret": ""}
    await update_sms_server(desk, row, entry(values=again), now=NOW, actor="ada")
    assert gateway_values(desk, row)["api_secret"] == "s3cr3t"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"gateway": "carrier-pigeon"}, "gateway"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "=?utf-8?q?x?="}, "name"),
        ({"timeout": 600}, "timeout"),
        ({"connections": 0}, "connections"),
        ({"values": KEYS | {"api_key": ""}}, "api_key"),
        ({"values": KEYS | {"api_secret": ""}}, "api_secret"),
        ({"values": KEYS | {"api_secret": "x\r\nX-Evil: 1"}}, "api_secret"),
        ({"values": KEYS | {"api_key": "x" * 10_000}}, "api_key"),
        ({"values": KEYS | {"sender": "\u202eevil"}}, "sender"),
        ({"values": KEYS | {"base_url": "http://api.example.test"}}, "base_url"),
        ({"values": KEYS | {"base_url": "https://u:p@api.example.test"}}, "base_url"),
        ({"values": KEYS | {"base_url": "gopher://api.example.test"}}, "base_url"),
        ({"gateway": "carrier", "values": {"carrier": "Nobody"}}, "carrier"),
        ({"gateway": "generic", "values": {"url": "http://x.example.test/", "body": BODY}}, "url"),
    ],
)
async def test_what_cannot_work_is_refused_by_its_field(desk: Desk, changes: dict[str, Any], field: str) -> None:
    strict = Desk(desk.settings.model_copy(update={"allow_private": False}), desk.vault, desk.bell)
    with pytest.raises(InputRefused) as refused:
        await add_sms_server(strict, entry(**changes), now=NOW, actor="ada")
    assert list(refused.value.fields) == [field]
    assert await NotificationServer.filter(kind="sms").count() == 0


async def test_a_test_message_shows_the_conversation_without_the_keys(
    desk: Desk, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    server = await use_gateway(start_provider(sms.vonage))
    outcome = await _outcome_of(desk, server, "+49 151 12345678")
    assert (outcome["ok"], str(outcome["words"]).startswith("accepted")) == (True, True)
    said = str(outcome["said"])
    assert "/sms/json" in said
    assert "s3cr3t" not in said
    assert "\u2022" in said


async def test_a_test_of_a_gateway_on_this_machine_never_reaches_it_where_that_is_not_allowed(
    desk: Desk, use_gateway: UseGateway, start_provider: StartProvider
) -> None:
    provider = start_provider(lambda _asked: (200, "OK"), tls=True)
    server = await use_gateway(provider)
    strict = Desk(desk.settings.model_copy(update={"allow_private": False}), desk.vault, desk.bell)
    outcome = await _outcome_of(strict, server, BEN)
    assert (outcome["ok"], provider.connections) == (False, 0)
    assert "does not connect to that address" in str(outcome["words"])


async def test_a_test_needs_a_number(desk: Desk, use_gateway: UseGateway, start_provider: StartProvider) -> None:
    server = await use_gateway(start_provider(sms.vonage))
    for wrong in ("ada@example.test", "0151 1234567", ""):
        with pytest.raises(InputRefused, match="recipient"):
            await connection_test.enqueue_test(desk, server, wrong, now=NOW, actor="ada")


async def _outcome_of(desk: Desk, server: NotificationServer, number: str) -> dict[str, object]:
    job = await connection_test.enqueue_test(desk, server, number, now=NOW, actor="ada")
    claimed = await jobs.claim(job.id, NOW)
    assert claimed is not None
    await connection_test.run_test(desk, claimed, now=NOW)
    return dict(await jobs.outcome(job.id))


@pytest.mark.parametrize("where", ["https://127.0.0.1", "https://10.0.0.5:8443/sms", "https://169.254.169.254"])
async def test_a_gateway_where_nothing_is_ever_asked_is_refused_beside_its_field(desk: Desk, where: str) -> None:
    strict = Desk(desk.settings.model_copy(update={"allow_private": False}), desk.vault, desk.bell)
    with pytest.raises(InputRefused, match="OTAE_ALLOW_PRIVATE") as refused:
        await add_sms_server(strict, entry(values=KEYS | {"base_url": where}), now=NOW, actor="ada")
    assert list(refused.value.fields) == ["base_url"]
