"""Carriers: rows that are edited, and the address of a number at one."""

import pytest

from otae.delivery.sms import carriers
from otae.delivery.sms.carriers import DEFAULT_CARRIERS, CarrierEntry, address_at, save_carrier
from otae.delivery.transport import PermanentlyRefused
from otae.errors import InputRefused
from otae.settings import Settings
from otae.store.desk import Desk
from otae.store.models import CarrierGateway
from tests.delivery.conftest import NOW

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Nothing here depends on the database."""
    return sqlite_settings


def carrier(domain: str = "txt.example.test", code: str = "1", prefix: str = "") -> CarrierGateway:
    return CarrierGateway(name="Example", domain=domain, country_code=code, prefix=prefix)


def test_a_number_becomes_an_address_as_the_carrier_wants_it() -> None:
    assert address_at(carrier(), "+12015550123") == "2015550123@txt.example.test"
    assert address_at(carrier(code="33", prefix="0"), "+33612345678") == "0612345678@txt.example.test"
    assert address_at(carrier(code=""), "+33612345678") == "33612345678@txt.example.test"


def test_a_number_of_another_country_is_refused() -> None:
    with pytest.raises(PermanentlyRefused, match=r"none of Example's country \(\+1\)"):
        address_at(carrier(), "+33612345678")


def test_a_country_whose_code_begins_like_another_is_told_apart() -> None:
    with pytest.raises(PermanentlyRefused):
        address_at(carrier(code="4"), "+4915112345678")


async def test_a_new_installation_knows_the_usual_carriers_and_keeps_what_was_changed(desk: Desk) -> None:
    known = await carriers.list_carriers()
    assert [row.name for row in known] == sorted(name for name, *_ in DEFAULT_CARRIERS)
    await save_carrier(CarrierEntry(name="Verizon", domain="new.example.test"), now=NOW, actor="ada", carrier=known[-2])
    await carriers.remove_carrier(known[0], now=NOW, actor="ada")
    await carriers.ensure_carriers()
    assert len(await carriers.list_carriers()) == len(DEFAULT_CARRIERS) - 1
    assert await carriers.restore_defaults(now=NOW, actor="ada") == 1
    changed = await carriers.find_carrier("Verizon")
    assert changed is not None
    assert changed.domain == "new.example.test"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x\ny"),
        ("name", "x" * 101),
        ("domain", "no-dot"),
        ("domain", "a@b.test"),
        ("domain", "a.test\nBcc: x"),
        ("domain", "127.0.0.1"),
        ("country_code", "+1"),
        ("country_code", "12345"),
        ("prefix", "0;"),
    ],
)
async def test_a_carrier_that_could_not_work_is_refused(desk: Desk, field: str, value: str) -> None:
    entered = {"name": "Example", "domain": "txt.example.test", "country_code": "1", "prefix": ""} | {field: value}
    with pytest.raises(InputRefused) as refused:
        await save_carrier(CarrierEntry(**entered), now=NOW, actor="ada")
    assert list(refused.value.fields) == [field]


async def test_two_carriers_of_one_name_are_refused(desk: Desk) -> None:
    with pytest.raises(InputRefused, match="name"):
        await save_carrier(CarrierEntry(name="Sprint", domain="x.test"), now=NOW, actor="ada")
