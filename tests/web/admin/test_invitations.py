"""The list of invitations and the form that adds one."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from otae.directory.local import groups, people
from otae.invitations import groups as group_orders
from otae.invitations import lifecycle
from otae.invitations.groups import GroupOrder
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store.models import Administrator, Delivery, Event, Invitation, Person
from otae.store.records import about, note
from otae.web.admin.manage import invitation_list
from tests.web.conftest import Invite, Site
from tests.web.page_forms import form_of

pytestmark = pytest.mark.anyio

PART = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)> {{ 7*7 }} 'quoted' \"twice\""


async def form(console: httpx2.AsyncClient, **changes: Any) -> dict[str, str]:  # noqa: ANN401 - what a browser sends
    """Give what a browser sends from the empty form with ``changes``; None leaves a field out."""
    page = (await console.get("/admin/invitations/add")).text
    sent = {"form_id": re.findall(r'name="form_id" type="hidden" value="([^"]+)"', page)[0]}
    for name in ("url_template", "pin_template", "confirmation_template"):
        sent[name] = re.findall(rf'name="{name}">.*?<option value="([^"]+)"', page)[0]
    sent |= {"recipient": "ben", "platform": "macos", "ownership": "corporate", "mode": "two_factor", "send": "y"}
    return {name: value for name, value in (sent | changes).items() if value is not None}


async def test_an_empty_list_names_the_next_step(console: httpx2.AsyncClient) -> None:
    assert 'href="/admin/users"' in (await console.get("/admin/invitations")).text


async def test_the_list_shows_who_how_far_and_until_when(console: httpx2.AsyncClient, invite: Invite) -> None:
    created = await invite("two_factor")
    page = (await console.get("/admin/invitations")).text
    for words in ("Ben Okafor", "ben@example.test", "Two Factor", "Corporate", "1 of 7 steps", "in 23 h", "by ada"):
        assert words in page
    assert f"/admin/invitations/{created.invitation.id}" in page


async def test_filters_narrow_the_list(console: httpx2.AsyncClient, site: Site, invite: Invite, now: datetime) -> None:
    created = await invite("two_factor")
    await lifecycle.revoke(site.desk, created.invitation, now=now, actor="ada")
    found = ["status=revoked", "mode=two_factor", "ownership=corporate", "q=okafor", f"q={created.token}"]
    found += ["stopped=invited", "reached=invited", "by=ada"]
    missed = ["status=pending", "status=stuck", "mode=username_pin", "ownership=employee", "q=cleo"]
    missed += ["stopped=opened", "reached=opened", "by=eve"]
    for query, expected in [(query, True) for query in found] + [(query, False) for query in missed]:
        page = await console.get(f"/admin/invitations?{query}")
        assert page.status_code == 200
        assert (f"/admin/invitations/{created.invitation.id}" in page.text) is expected, query


async def test_the_list_is_narrowed_to_a_group_or_a_group_invitation_and_its_counts_follow(
    console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime
) -> None:
    await people.add_person(
        site.desk, name="cleo", password=None, email="c@x.test", groups=["Sales"], now=now, actor="a"
    )
    for name in ("ben", "cleo"):
        await lifecycle.create(
            site.desk, InvitationOrder(name, InvitationTerms(mode="username_pin")), now=now, actor="ada"
        )
    sales = await groups.find_group("Sales")
    assert sales is not None
    order = await group_orders.order(
        site.desk, GroupOrder("Sales", InvitationTerms(mode="username_pin")), now=now, actor="ada"
    )
    everybody = (await console.get("/admin/invitations")).text
    assert f'<option value="{sales.id}">Sales</option>' in everybody
    assert f'<option value="{order.id}">' in everybody
    page = (await console.get(f"/admin/invitations?group={sales.id}&status=pending")).text
    assert "c@x.test" in page
    assert "ben@example.test" not in page
    assert f'<option value="{sales.id}" selected>' in page
    assert f"?status=expired&amp;group={sales.id}" in page
    assert re.search(r'Pending <span class="otae-tab-number">1<', page)
    assert "No invitation fits" in (await console.get(f"/admin/invitations?order={order.id}")).text


async def test_the_list_is_sorted_by_its_headings_and_pages_go_both_ways(
    console: httpx2.AsyncClient, site: Site, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitation_list, "PAGE", 2)
    names = ("cleo", "Anna", "zoe", "Bea", "dora")
    for name in names:
        await people.add_person(site.desk, name=name.lower(), display_name=name, email="x@x.test", now=now, actor="a")
        order = InvitationOrder(name.lower(), InvitationTerms(mode="username_pin"))
        await lifecycle.create(site.desk, order, now=now, actor="ada")

    def shown(page: str) -> list[str]:
        return re.findall(r'class="fw-medium" href="[^"]+">([^<]+)<', page)

    page = (await console.get("/admin/invitations?sort=recipient")).text
    assert 'aria-sort="ascending"><a class="otae-sort" href="/admin/invitations?sort=-recipient"' in page
    assert shown(page) == ["Anna", "Bea"]
    assert 'rel="prev"' not in page
    forth = []
    while following := re.findall(r'href="([^"]+)" rel="next"', page):
        page = (await console.get(following[0].replace("&amp;", "&"))).text
        forth.append(shown(page))
    assert forth == [["cleo", "dora"], ["zoe"]]
    back = []
    while before := re.findall(r'href="([^"]+)" rel="prev"', page):
        page = (await console.get(before[0].replace("&amp;", "&"))).text
        back.append(shown(page))
    assert back == [["cleo", "dora"], ["Anna", "Bea"]]
    assert shown((await console.get("/admin/invitations?sort=-recipient")).text) == ["zoe", "dora"]
    assert "5 invitations" in page


async def test_the_address_has_no_empty_parameters_and_each_filter_can_be_taken_away(
    console: httpx2.AsyncClient, invite: Invite
) -> None:
    await invite("two_factor")
    answer = await console.get("/admin/invitations?q=&mode=two_factor&from=&to=&by=ada&column=mode&column=seen")
    clean = "/admin/invitations?mode=two_factor&by=ada&column=mode&column=seen"
    assert (answer.status_code, answer.headers["location"]) == (303, clean)
    page = (await console.get(clean)).text
    assert 'class="otae-chip" href="/admin/invitations?mode=two_factor&amp;column=mode&amp;column=seen"' in page
    assert "Created by ada" in page
    part = await console.get("/admin/invitations?q=&mode=two_factor", headers=PART)
    assert part.headers["hx-push-url"] == "/admin/invitations?mode=two_factor"


async def test_columns_are_chosen_and_rows_lead_to_all_that_they_name(
    console: httpx2.AsyncClient, invite: Invite, ben: Person
) -> None:
    await invite("two_factor")
    page = (await console.get("/admin/invitations?column=created&column=mac")).text
    assert f'href="/admin/users/{ben.id}"' in page
    assert f'href="/admin/administrators/{(await Administrator.get(name="ada")).id}"' in page
    assert 'data-label="Mac"' in page
    assert 'data-label="Mode"' not in page
    assert (await console.get("/admin/invitations?column=pin_hash")).status_code == 400


async def test_dates_narrow_the_list_by_the_days_of_whoever_looks(console: httpx2.AsyncClient, invite: Invite) -> None:
    made = (await invite("two_factor")).invitation
    await Invitation.filter(id=made.id).update(created_at=datetime(2026, 6, 1, 23, 30, tzinfo=UTC))
    await Administrator.filter(name="ada").update(time_zone="Europe/Berlin")
    cases = {"from=2026-06-02": True, "to=2026-06-01": False, "from=2026-06-01&to=2026-06-02": True}
    for query, found in cases.items():
        page = (await console.get(f"/admin/invitations?{query}")).text
        assert (str(made.id) in page) is found, query


async def test_what_is_filtered_is_downloaded_in_its_order(
    console: httpx2.AsyncClient, site: Site, invite: Invite, now: datetime
) -> None:
    await invite("two_factor")
    await people.add_person(site.desk, name="cleo", display_name="=1+1", email="c@x.test", now=now, actor="a")
    order = InvitationOrder("cleo", InvitationTerms(mode="username_pin"))
    await lifecycle.create(site.desk, order, now=now, actor="ada")
    page = (await console.get("/admin/invitations?mode=username_pin&sort=-recipient")).text
    (address,) = re.findall(r'href="(/admin/invitations/export[^"]*)"', page)
    answer = await console.get(address.replace("&amp;", "&"))
    head, *rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row[head.index("user")] for row in rows] == ["cleo"]
    assert rows[0][head.index("name")] == "'=1+1"
    assert (await console.get("/admin/invitations/export?sort=odd")).status_code == 400


async def test_a_note_stands_in_the_invitation(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console, note="Before Friday,\r\nplease", send=None)
    assert (await console.post("/admin/invitations/add", data=sent)).status_code == 303
    assert (await Invitation.get(person_id=ben.id)).note.split() == ["Before", "Friday,", "please"]
    answer = await console.post("/admin/invitations/add", data=await form(console, note="x" * 501))
    assert answer.status_code == 422
    assert 'id="note-errors"' in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "group=x",
        "order=%27",
        "status=odd",
        "mode=odd",
        "ownership=odd",
        "sort=pin_hash",
        "sort=--created",
        "from=2026-02-30",
        "to=yesterday",
        "ends_to=9999-99-99",
        "campaign=1",
        "after=x",
        "before=%00",
        "column=token_hash",
        "order_key=token_sealed",
        "person__password=1",
    ],
)
async def test_what_the_list_does_not_know_is_refused(console: httpx2.AsyncClient, query: str) -> None:
    assert (await console.get(f"/admin/invitations?{query}")).status_code == 400


async def test_older_invitations_follow_without_gap(
    console: httpx2.AsyncClient, site: Site, ben: Person, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitation_list, "PAGE", 2)
    order = InvitationOrder("ben", InvitationTerms(mode="username_password", send=False))
    made = [
        (await lifecycle.create(site.desk, order, now=now - timedelta(hours=hour), actor="ada")).invitation.id
        for hour in range(5)
    ]
    shown: list[str] = []
    address = "/admin/invitations?mode=username_password"
    while address:
        page = (await console.get(address)).text
        shown += re.findall(r'id="invitation-([0-9a-f-]+)"', page)
        following = re.findall(r'href="([^"]*after=[^"]*)"', page)
        address = following[0].replace("&amp;", "&") if following else ""
    assert shown == [str(each) for each in made]


@pytest.mark.parametrize(
    "pasted", ["K7QX2", " k7qx2\u200b", "Ｋ７ＱＸ２", "\u202aK7Q-X2\u202c", "K7 QX2.", "\ufeffk7qx2"]
)
async def test_a_support_code_is_found_however_it_was_pasted(
    console: httpx2.AsyncClient, invite: Invite, now: datetime, pasted: str
) -> None:
    made = await invite("two_factor")
    await note("refused", now=now, about=about(made.invitation), support_code="K7QX2")
    code = made.invitation.support_code or ""
    for wanted in (pasted, f"\u200b{made.token}\u00a0", f"{code[:4]} {code[4:]}"):
        page = await console.get("/admin/invitations", params={"q": wanted})
        assert f"/admin/invitations/{made.invitation.id}" in page.text, ascii(wanted)


async def test_the_list_alone_is_a_part_of_the_page(console: httpx2.AsyncClient, invite: Invite) -> None:
    await invite("two_factor")
    part = await console.get("/admin/invitations?q=ben", headers=PART)
    assert "<html" not in part.text
    assert 'id="list"' in part.text
    assert part.text.strip() in (await console.get("/admin/invitations?q=ben")).text


async def test_hostile_names_stay_text(console: httpx2.AsyncClient, site: Site, now: datetime) -> None:
    await people.add_person(site.desk, name="cleo", display_name=HOSTILE, email="c@example.test", now=now, actor="ada")
    order = InvitationOrder("cleo", InvitationTerms(mode="username_pin", send=False))
    created = await lifecycle.create(site.desk, order, now=now, actor=HOSTILE)
    await lifecycle.record_link_opened(created.invitation, now=now, browser=HOSTILE)
    for address in (
        "/admin/invitations",
        "/admin/invitations/people?recipient=cleo",
        f"/admin/invitations/{created.invitation.id}",
    ):
        page = (await console.get(address)).text
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page
        assert "{{ 7*7 }}" in page


async def test_an_invitation_is_added_and_sent(console: httpx2.AsyncClient, ben: Person) -> None:
    answer = await console.post("/admin/invitations/add", data=await form(console, serial="c02xk1zzjgh5"))
    row = await Invitation.get()
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/invitations/{row.id}")
    assert (row.mode, row.ownership, row.serial, row.created_by) == ("two_factor", "corporate", "C02XK1ZZJGH5", "ada")
    assert row.url_template_id is not None
    assert sorted(delivery.kind for delivery in await Delivery.all()) == ["pin", "url"]


async def test_a_virtual_machines_serial_number_is_taken(console: httpx2.AsyncClient, ben: Person) -> None:
    serial = "Parallels-1F 3E 0B 1A 2C 3D 4E 5F 60 71 82 93 A4 B5 C6 D7"
    answer = await console.post("/admin/invitations/add", data=await form(console, serial=f" {serial}\u00a0"))
    assert answer.status_code == 303
    assert (await Invitation.get()).serial == serial
    assert serial in (await console.get(answer.headers["location"])).text


async def test_without_sending_nothing_is_queued(console: httpx2.AsyncClient, ben: Person) -> None:
    answer = await console.post("/admin/invitations/add", data=await form(console, send=None))
    assert answer.status_code == 303
    assert await Delivery.all().count() == 0


@pytest.mark.parametrize(
    ("changes", "beside", "words"),
    [
        ({"recipient": ""}, "recipient-errors", "Enter a user name"),
        ({"recipient": "nobody"}, "recipient-errors", "there is nobody with this user name"),
        ({"serial": "x"}, "serial-errors", "8 to 64"),
        ({"ownership": "odd"}, "ownership-errors", "Choose one"),
        ({"mode": "invitation_url"}, "mode-errors", "Choose one"),
        ({"mode": None}, "mode-errors", "Choose one"),
        ({"platform": "ios"}, "platform-errors", "Choose one"),
        ({"pin_template": str(uuid4())}, "pin_template-errors", "Choose one"),
    ],
)
async def test_a_refused_entry_is_kept_and_said_beside_its_field(
    console: httpx2.AsyncClient, ben: Person, changes: dict[str, str | None], beside: str, words: str
) -> None:
    sent = await form(console, **({"serial": "C02XK1ZZJGH5"} | changes))
    answer = await console.post("/admin/invitations/add", data=sent)
    assert answer.status_code == 422
    assert f'id="{beside}"' in answer.text
    assert words in answer.text
    assert 'id="summary"' in answer.text
    for name in ("recipient", "serial", "form_id"):
        assert f'value="{sent[name]}"' in answer.text
    assert await Invitation.all().count() == 0


async def test_what_the_person_lacks_is_named(console: httpx2.AsyncClient, site: Site, now: datetime) -> None:
    await people.add_person(site.desk, name="cleo", now=now, actor="ada")
    answer = await console.post("/admin/invitations/add", data=await form(console, recipient="cleo"))
    assert answer.status_code == 422
    assert "cleo lacks an e-mail address" in answer.text
    assert "a password, which Two Factor needs" in answer.text


async def test_a_form_sent_twice_invites_once(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console)
    first = await console.post("/admin/invitations/add", data=sent)
    second = await console.post("/admin/invitations/add", data=sent)
    assert first.headers["location"] != second.headers["location"] == "/admin/invitations"
    assert await Invitation.all().count() == 1
    assert "sent already" in (await console.get("/admin/invitations")).text


async def test_inviting_somebody_who_has_a_live_invitation_says_so_before_anything_is_done(
    console: httpx2.AsyncClient, invite: Invite, ben: Person
) -> None:
    first = (await invite("username_pin")).invitation
    sent = await form(console, note="for the second Mac")
    asked = await console.post("/admin/invitations/add", data=sent)
    assert asked.status_code == 422
    for shown in ("has an invitation that works already", f"/admin/invitations/{first.id}", "for the second Mac"):
        assert shown in asked.text
    assert await Invitation.all().count() == 1
    again = form_of(asked.text, "/admin/invitations/add")
    assert again.sent["form_id"] == [sent["form_id"]], "the same form goes on"
    other = await console.post("/admin/invitations/add", data=sent | {"despite": str(uuid4())})
    assert other.status_code == 422, "said of somebody else it counts for nothing"
    answer = await console.post("/admin/invitations/add", data=sent | {"despite": str(ben.id)})
    assert answer.status_code == 303
    assert await Invitation.all().count() == 2
    assert f'name="despite" value="{ben.id}"' in asked.text


async def test_an_invitation_that_works_no_more_is_not_asked_about(
    console: httpx2.AsyncClient, invite: Invite, ben: Person, now: datetime
) -> None:
    over = (await invite("username_pin")).invitation
    await Invitation.filter(id=over.id).update(valid_until=now - timedelta(minutes=1))
    answer = await console.post("/admin/invitations/add", data=await form(console))
    assert answer.status_code == 303


async def test_an_error_names_its_remedy_with_a_link(console: httpx2.AsyncClient, site: Site, now: datetime) -> None:
    cleo = await people.add_person(site.desk, name="cleo", now=now, actor="ada")

    async def links(**changes: str) -> list[str]:
        answer = await console.post(
            "/admin/invitations/add", data=await form(console, **({"recipient": "cleo"} | changes))
        )
        assert answer.status_code == 422
        return re.findall(r'otae-remedy" href="([^"]+)"', answer.text)

    assert await links() == [f"/admin/users/{cleo.id}/edit", "#how"], "set a password, or choose a mode without"
    assert await links(mode="username_pin") == [f"/admin/users/{cleo.id}/edit"]
    assert await links(recipient="nobody") == ["/admin/users/add"]
    assert await links(recipient="corp/nobody") == [], "a directory's people are made there"
    await people.update_person(site.desk, cleo, disabled=True, now=now, actor="ada")
    assert (await links(mode="username_pin"))[0] == f"/admin/users/{cleo.id}"


async def test_what_keeps_an_invitation_from_being_sent_again_names_its_remedy(
    console: httpx2.AsyncClient, invite: Invite, ben: Person
) -> None:
    created = await invite("two_factor")
    await Person.filter(id=ben.id).update(password_hash=None)
    answer = await console.post(f"/admin/invitations/{created.invitation.id}/resend", data={"address": "new"})
    page = (await console.get(answer.headers["location"])).text
    assert "lacks a password" in page
    assert f'class="alert-link" href="/admin/users/{ben.id}/edit"' in page


async def test_a_mended_form_is_taken(console: httpx2.AsyncClient, ben: Person) -> None:
    sent = await form(console)
    assert (await console.post("/admin/invitations/add", data=sent | {"recipient": "nobody"})).status_code == 422
    assert (await console.post("/admin/invitations/add", data=sent)).status_code == 303


async def test_the_pin_is_shown_once_if_asked_for(console: httpx2.AsyncClient, ben: Person) -> None:
    answer = await console.post("/admin/invitations/add", data=await form(console, show_pin="y"))
    assert answer.status_code == 200
    pin = re.findall(r'id="pin">(\d{8})<', answer.text)[0]
    row = await Invitation.get()
    assert pin not in (await console.get(f"/admin/invitations/{row.id}")).text
    assert not [event for event in await Event.all() if pin in event.detail]
    assert not [value for value in console.cookies.values() if pin in value]


async def test_people_are_looked_up_while_typing(console: httpx2.AsyncClient, site: Site, ben: Person) -> None:
    part = await console.get("/admin/invitations/people?recipient=oka", headers=PART)
    assert '<option value="ben">Ben Okafor · ben@example.test</option>' in part.text
    assert "<html" not in part.text
    assert "option" not in (await console.get("/admin/invitations/people?recipient=zz", headers=PART)).text


async def test_the_form_offers_people_without_script_and_takes_one_from_the_address(
    console: httpx2.AsyncClient, ben: Person
) -> None:
    page = (await console.get("/admin/invitations/add?recipient=ben")).text
    assert '<option value="ben">' in page
    assert re.search(r'<input[^>]*name="recipient"[^>]*value="ben"', page)
