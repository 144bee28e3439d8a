"""What pages offer: every role is walked through the console, and no link or button leads where it is refused."""

import re
from urllib.parse import unquote
from uuid import UUID

import pytest
from starlette.routing import Match, Route
from tortoise.models import Model

from otae.accounts.permissions import PERMISSIONS
from otae.accounts.roles import BUILT_IN, Powers
from otae.store.models import (
    Administrator,
    Campaign,
    CaughtMail,
    Certificate,
    Device,
    DirectoryServer,
    Group,
    GroupInvitation,
    Invitation,
    NotificationServer,
    NotificationTemplate,
    Person,
    Role,
)
from otae.web import routes
from otae.web.routing import ConsoleRoute
from tests.store.furnish import furnish
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

ROUTES = [route for route in routes.routes() if isinstance(route, ConsoleRoute) and "GET" in route.needed]
#: Where a page's row comes from; pages of none of these are asked for with an id that nobody has.
ROWS: dict[str, type[Model]] = {
    "/admin/invitations/{id:uuid}": Invitation,
    "/admin/group-invitations/{id:uuid}": GroupInvitation,
    "/admin/campaigns/{id:uuid}": Campaign,
    "/admin/groups/{id:uuid}": Group,
    "/admin/users/{id:uuid}": Person,
    "/admin/mail/{id:uuid}": CaughtMail,
    "/admin/notification-servers/{id:uuid}": NotificationServer,
    "/admin/templates/{id:uuid}": NotificationTemplate,
    "/admin/directories/{id:uuid}": DirectoryServer,
    "/admin/administrators/{id:uuid}": Administrator,
    "/admin/roles/{id:uuid}": Role,
}
NOBODY = str(UUID(int=1))


async def address(route: Route) -> str:
    """Put a row of the furnished house where the route has a parameter."""
    found = next((ROWS[start] for start in ROWS if route.path.startswith(start)), None)
    row = await found.all().order_by("id").first() if found else None
    path = route.path.replace("{id:uuid}", str(row.pk) if row else NOBODY)
    if "/issued/" in path:
        path = path.replace(NOBODY, str((await Certificate.get(purpose="mdm-identity")).id))
    path = path.replace("{udid}", (await Device.all().first() or Device(udid=NOBODY)).udid)
    path = path.replace("/texts/{kind}/{language}", "/texts/help/de")
    return re.sub(r"\{[^}]+\}", lambda each: "1" if each.group().endswith(":int}") else NOBODY, path)


def offered(page: str) -> set[tuple[str, str]]:
    """Return method and address of every link and form of a page that can be used."""
    links = {("GET", href) for href in re.findall(r'<a\b[^>]*\bhref="(/admin[^"?#]*)', page)}
    links |= {("POST", href) for href in re.findall(r'formaction="(/admin[^"?#]*)', page)}
    for form, inside in re.findall(r"(<form\b[^>]*>)(.*?)</form>", page, re.DOTALL):
        action = re.search(r'action="(/admin[^"?#]*)', form)
        if action and re.search(r"<button\b(?![^>]*\b(?:formaction=|type=.button))", inside):
            links.add(("POST" if 'method="post"' in form else "GET", action.group(1)))
    return links


def opener(href: str, method: str) -> tuple[str, bool]:
    """Return the permission that an address takes, and whether it is open to limited roles.

    The permission is "" for what is open to everybody who is signed in.
    """
    scope = {"type": "http", "path": unquote(href), "method": method, "root_path": ""}
    for route in routes.routes():
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return (route.needed[method], route.within) if isinstance(route, ConsoleRoute) else ("", True)
    raise AssertionError(f"a page leads to {method} {href}, which is nowhere")


async def own_roles(site: Site) -> dict[str, frozenset[str]]:
    """Return roles to walk with: the built-in ones, and for each noun one that only sees."""
    seeing = sorted({permission for permission in BUILT_IN["ADMIN"].permissions if permission.endswith(".see")})
    now = (await Administrator.get(name="ada")).created_at
    for permission in seeing:
        await Role(name=f"only {permission}", permissions=[permission], created_at=now).save(force_create=True)
    await Role(name="sees all", permissions=seeing, created_at=now).save(force_create=True)
    bounded = frozenset(permission.name for permission in PERMISSIONS.values() if permission.bounded)
    await Role(name="limited", permissions=sorted(bounded), groups=["local/sales"], created_at=now).save()
    found = {role.name: role.permissions for role in BUILT_IN.values() if role.permissions} | {"limited": bounded}
    return (
        found
        | {f"only {permission}": frozenset({permission}) for permission in seeing}
        | {"sees all": frozenset(seeing)}
    )


@pytest.mark.slow
async def test_no_link_and_no_button_leads_where_the_role_is_refused(site: Site) -> None:
    await furnish(site.desk)
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": "four quiet words here"})
    ways = [(route, await address(route)) for route in ROUTES]
    wrong: set[tuple[str, str, str]] = set()
    for role, permissions in (await own_roles(site)).items():
        powers, limited, seen = Powers(role, permissions), role == "limited", 0
        await Administrator.filter(name="ada").update(role=role)
        for route, where in ways:
            if not powers.may(route.needed["GET"]) or (limited and not route.within):
                continue
            page = await site.client.get(where)
            assert page.status_code in {200, 204, 303, 404}, (role, where, page.status_code)
            seen += page.status_code == 200
            for method, href in offered(page.text):
                needed, within = opener(href, method)
                if (needed and not powers.may(needed)) or (limited and not within):
                    wrong.add((route.path, f"{method} {href}", needed))
        assert seen >= 2, f"{role} saw nothing"
    assert not wrong, "\n".join(map(str, sorted(wrong)))
