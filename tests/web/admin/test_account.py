"""An administrator's own settings."""

import httpx2
import pytest

from otae.store.models import Administrator, AuditEntry

pytestmark = pytest.mark.anyio

PAGE = "/admin/account"


async def test_administrators_say_where_they_are_told(console: httpx2.AsyncClient) -> None:
    assert f'href="{PAGE}"' in (await console.get("/admin")).text
    assert (await console.post(PAGE, data={"email": " ada@example.test "})).status_code == 303
    assert (await Administrator.get(name="ada")).email == "ada@example.test"
    assert 'value="ada@example.test"' in (await console.get(PAGE)).text
    assert (await console.post(PAGE, data={"email": ""})).status_code == 303
    assert (await Administrator.get(name="ada")).email is None
    assert await AuditEntry.filter(actor="ada", action="administrator.address-changed", subject="ada").count() == 2


@pytest.mark.parametrize("wrong", ["ada", "ada@example.test\nBcc: x@example.test", "a@b, c@d", "a" * 260 + "@x.test"])
async def test_what_is_no_address_is_refused_at_its_field(console: httpx2.AsyncClient, wrong: str) -> None:
    answer = await console.post(PAGE, data={"email": wrong})
    assert answer.status_code == 422
    assert 'id="email-errors"' in answer.text
    assert (await Administrator.get(name="ada")).email is None
