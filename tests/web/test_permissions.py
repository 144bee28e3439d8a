"""The table of permissions: every console page asks for one, and every role gets exactly what it names."""

import re
from typing import Any

import pytest
from starlette.routing import Route

from otae.accounts import administrators
from otae.accounts.own_roles import RoleDraft, add_role
from otae.accounts.permissions import ENTER, NOUNS, PERMISSIONS
from otae.accounts.roles import BUILT_IN, Grantor
from otae.directory.local import groups
from otae.errors import CannotStart
from otae.store import database
from otae.store.models import Administrator
from otae.web import routes
from otae.web.admin import dashboard
from otae.web.routing import ConsoleRoute, console
from otae.words import TEMPLATES
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

ID = "8a1d5d52-7b5e-4f0e-9d1c-3b7f0c2a9e11"
PASSWORD = "four quiet words here"
BY = Grantor("command line")
ROUTES = [route for route in routes.routes() if isinstance(route, ConsoleRoute)]
WAYS = [(route, method) for route in ROUTES for method in route.needed]
#: An own role with one permission, and one that is limited to a group.
ONE_PERMISSION = frozenset({"device.see"})
BOUNDED = frozenset(permission.name for permission in PERMISSIONS.values() if permission.bounded)


def address(route: Route) -> str:
    return re.sub(r"\{[^}]+\}", lambda found: "1" if found.group().endswith(":int}") else ID, route.path)


def test_every_console_page_names_a_permission_that_exists() -> None:
    assert len(WAYS) > 100
    for route, method in WAYS:
        assert route.needed[method] in {ENTER, *PERMISSIONS}, route.path
    others = {each.path for each in routes.routes() if isinstance(each, Route) and not isinstance(each, ConsoleRoute)}
    signing_in = {"/admin/sign-in", "/admin/sign-in/second", "/admin/sign-in/passkey", "/admin/sign-out"}
    open_to_all = {"/admin/setup", *signing_in}
    assert {path for path in others if path.startswith("/admin")} == open_to_all


def test_a_page_without_one_keeps_the_server_from_starting() -> None:
    with pytest.raises(CannotStart, match=r"thing\.see"):
        console("/admin/things", "thing.see", GET=dashboard.index)
    with pytest.raises(CannotStart, match=r"thing\.edit"):
        console("/admin/things", "device.see", changes="thing.edit", GET=dashboard.index)
    unnamed: Any = console
    with pytest.raises(TypeError, match="permission"):
        unnamed("/admin/things", GET=dashboard.index)


def test_every_leaf_opens_something_and_stands_under_a_heading() -> None:
    opened = {permission for route, method in WAYS for permission in [route.needed[method]]}
    checked = set(re.findall(r'may\("([a-z.-]+)"\)', "".join(path.read_text() for path in TEMPLATES.rglob("*.html"))))
    assert checked <= {ENTER, *PERMISSIONS}, "a button that asks for a permission nobody has is never drawn"
    assert set(PERMISSIONS) <= opened, "a permission that opens nothing"
    assert {permission.noun for permission in PERMISSIONS.values()} == set(NOUNS)


def test_only_what_is_about_people_is_open_to_a_limited_role() -> None:
    for route, method in WAYS:
        needed = route.needed[method]
        if route.within and needed != ENTER and not PERMISSIONS[needed].bounded:
            assert method != "GET", f"{route.path} says it keeps to a reach that nobody with {needed} has"


async def answers(site: Site, role: str) -> dict[tuple[str, str], int]:
    """Return the status of every way for a browser of ``role``, signed in anew for each: one way signs out."""
    await Administrator.all().delete()
    now = await database.now()
    await administrators.create_administrator(
        site.desk, name="ada", password=PASSWORD, role="ADMIN", now=now, actor="command line"
    )
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": PASSWORD})
    await Administrator.filter(name="ada").update(role=role)
    return {
        (route.path, method): (await site.client.request(method, address(route))).status_code for route, method in WAYS
    }


async def roles_of_the_test(site: Site) -> dict[str, tuple[frozenset[str], bool]]:
    """Return every role to walk with: what it allows, and whether it is limited."""
    now = await database.now()
    await groups.add_group("sales", now=now, actor="ada")
    await add_role(site.desk, "one permission", RoleDraft(permissions=ONE_PERMISSION), by=BY, now=now)
    await add_role(site.desk, "limited", RoleDraft(permissions=BOUNDED, groups=("sales",)), by=BY, now=now)
    built_in = {role.name: (role.permissions, False) for role in BUILT_IN.values()}
    return built_in | {
        "one permission": (ONE_PERMISSION, False),
        "limited": (BOUNDED, True),
        "gone": (frozenset(), False),
    }


@pytest.mark.slow
async def test_every_role_reaches_exactly_the_pages_it_names(site: Site) -> None:
    for role, (permissions, limited) in (await roles_of_the_test(site)).items():
        found = await answers(site, role)
        for route, method in WAYS:
            needed = route.needed[method]
            allowed = (bool(permissions) if needed == ENTER else needed in permissions) and (
                route.within or not limited
            )
            status = found[route.path, method]
            assert status < 500, (role, route.path, method)
            assert (status == 403) == (not allowed), (role, route.path, method, status)


async def test_a_refused_page_is_kind_and_says_why(site: Site) -> None:
    await roles_of_the_test(site)
    await administrators.create_administrator(
        site.desk, name="cleo", password=PASSWORD, role="SUPPORT", now=await database.now(), actor="ada"
    )
    await site.client.post("/admin/sign-in", data={"name": "cleo", "password": PASSWORD})
    answer = await site.client.get("/admin/properties")
    assert answer.status_code == 403
    assert "signed in as cleo, with the role SUPPORT" in answer.text
    assert "To the dashboard" in answer.text
    await Administrator.filter(name="cleo").update(role="USER")
    nothing = await site.client.get("/admin")
    assert nothing.status_code == 403
    assert "Sign out" in nothing.text
    assert "To the dashboard" not in nothing.text
