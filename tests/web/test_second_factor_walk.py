"""Who needs a second factor and has none is led to where it is set up, from every page of the console."""

import pytest

from otae.accounts.administrators import create_administrator
from otae.store import database, properties
from otae.web import routes
from otae.web.routing import ConsoleRoute
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Site
from tests.web.test_permissions import address

pytestmark = pytest.mark.anyio

OWN = "/admin/account/second-factor"
#: What is open before the second factor is set up: setting it up, and entering the password again for it.
OPEN = {OWN, f"{OWN}/app", f"{OWN}/passkeys", "/admin/confirm"}
WAYS = [
    (address(route), method)
    for route in routes.routes()
    if isinstance(route, ConsoleRoute)
    for method in sorted(route.needed)
    if route.path not in OPEN
]


@pytest.mark.parametrize("role", ["ADMIN", "SUPPORT"])
async def test_every_page_leads_to_setting_it_up_and_no_form_is_taken(site: Site, role: str) -> None:
    await properties.write("console.second.factor", "everybody")
    now = await database.now()
    await create_administrator(site.desk, name="ada", password=ADA_PASSWORD, role=role, now=now, actor="x")
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    for path, method in WAYS:
        answer = await site.client.request(method, path)
        if method == "GET":
            assert (answer.status_code, answer.headers.get("location")) == (303, OWN), path
        else:
            assert (answer.status_code, "set it up before anything else" in answer.text) == (403, True), path
    for path in sorted(OPEN):
        assert (await site.client.get(path)).status_code == 200, path
