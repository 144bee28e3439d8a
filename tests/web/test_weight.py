"""Every page of the portal that tests look at is weighed (tests/web/weight.py); here that this notices something."""

import pytest

from otae.paths import CONSOLE_SIGN_IN, LOGIN
from tests.web import weight
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("what", "limit", "said"), [("PORTAL_BYTES", 9000, "weighs"), ("PORTAL_REQUESTS", 3, "makes 4 requests")]
)
async def test_a_page_of_the_portal_that_grows_past_its_budget_is_noticed(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: str, limit: int, said: str
) -> None:
    await site.client.get(LOGIN)
    monkeypatch.setattr(weight, what, limit)
    with pytest.raises(AssertionError, match=f"GET {LOGIN} {said}"):
        await site.client.get(LOGIN)
    assert (await site.client.get(CONSOLE_SIGN_IN)).status_code == 200, "the console has another budget"
