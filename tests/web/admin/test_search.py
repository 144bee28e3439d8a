"""Searching the lists of users, invitations and groups, as an administrator types a name."""

from datetime import datetime

import httpx2
import pytest

from otae.directory.local import people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.settings import Settings
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

LUKASZ, JANA, HANS, JOSE, BERTIL = PEOPLE = (
    "Łukasz Wiśniewski",
    "Jana Straße",
    "Hans Müller",
    "José Nuñez",
    "Bertil Østergård",
)
FOUND = [
    ("lukasz", LUKASZ),
    ("ŁUKASZ WIS", LUKASZ),
    ("STRASSE", JANA),
    ("straße", JANA),
    ("muller", HANS),
    ("ＭＵＬＬＥＲ", HANS),
    ("jose\N{COMBINING ACUTE ACCENT}", JOSE),
    ("ostergard", BERTIL),
]


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Give an installation on each database: it compares the text."""
    made: Settings = request.getfixturevalue(f"{request.param}_settings")
    return made


async def test_neither_case_nor_diacritics_decide(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    for number, shown in enumerate(PEOPLE):
        name = f"p{number}"
        await people.add_person(
            site.desk, name=name, display_name=shown, email=f"{name}@example.test", now=now, actor="ada"
        )
        order = InvitationOrder(name, InvitationTerms(mode="username_pin", send=False))
        await lifecycle.create(site.desk, order, now=now, actor="ada")
    for path in ("/admin/users", "/admin/invitations"):
        for typed, shown in FOUND:
            page = (await console.get(path, params={"q": typed})).text
            assert [each for each in PEOPLE if each in page] == [shown], f"{typed} in {path}"
        page = (await console.get(path, params={"q": "mullerin"})).text
        assert not any(each in page for each in PEOPLE)


async def test_groups_are_found_alike(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    names = ("Vertrieb München", "Łódź Straße")
    await people.add_person(site.desk, name="p", groups=names, now=now, actor="ada")
    for typed, name in (("MÜNCHEN", names[0]), ("munchen", names[0]), ("lodz", names[1]), ("STRASSE", names[1])):
        page = (await console.get("/admin/groups", params={"q": typed})).text
        assert [each for each in names if each in page] == [name]
