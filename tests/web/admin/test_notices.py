"""The card of the account page on which administrators choose what they are told."""

import httpx2
import pytest

from otae.accounts.notice_choices import NoticeChoices, choices_of
from otae.store.models import Administrator
from otae.store.notices import KINDS

pytestmark = pytest.mark.anyio

PAGE = "/admin/account"


async def chosen() -> NoticeChoices:
    return await choices_of((await Administrator.get(name="ada")).id)


async def test_administrators_choose_what_they_are_told_and_when(console: httpx2.AsyncClient) -> None:
    page = (await console.get(PAGE)).text
    assert all(f'name="{kind}"' in page for kind in KINDS)
    assert "Nothing, until you enter a mail address." in page
    sent = {**dict.fromkeys(KINDS, "daily"), "silent": "off", "unenrolled": "now", "hour": "17"}
    answer = await console.post(f"{PAGE}/notices", data=sent)
    assert answer.headers["location"] == f"{PAGE}#told"
    told = await chosen()
    assert (told.when("silent"), told.when("unenrolled"), told.when("renewal"), told.hour) == (
        "off",
        "now",
        "daily",
        17,
    )
    assert '<option selected value="17">17:00</option>' in (await console.get(PAGE)).text


@pytest.mark.parametrize(
    "sent",
    [{"silent": "never"}, {"hour": "24"}, {"hour": "-1"}, {"hour": "٣"}, {"hour": "9" * 30}, {"silent": "now\x00"}, {}],
)
async def test_what_is_not_offered_changes_nothing(console: httpx2.AsyncClient, sent: dict[str, str]) -> None:
    whole = {**dict.fromkeys(KINDS, "off"), "hour": "8"} | sent if sent else {}
    answer = await console.post(f"{PAGE}/notices", data=whole)
    assert (answer.status_code, 'id="summary"' in answer.text) == (422, True)
    assert (await chosen()).when("silent") == "daily"


async def test_a_role_is_offered_what_it_may_be_told(console: httpx2.AsyncClient) -> None:
    await Administrator.filter(name="ada").update(role="SUPPORT")
    page = (await console.get(PAGE)).text
    assert 'name="silent"' in page
    assert 'name="guessing"' not in page
