"""Pages are compressed where the route table says so, and nowhere else."""

import gzip

import pytest
from starlette.routing import Route

from otae import paths
from otae.store.models import Invitation, Person
from otae.web import routes
from otae.web.routing import ConsoleRoute
from tests.store.furnish import furnish
from tests.web.conftest import PASSWORD, Invite, Site
from tests.web.test_offers import address

pytestmark = pytest.mark.anyio

COMPRESSED = {paths.CARRIERS, paths.MODES}


@pytest.mark.slow
async def test_every_page_is_sent_as_it_is_unless_the_route_table_says_otherwise(site: Site) -> None:
    await furnish(site.desk)
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": "four quiet words here"})
    site.client.headers["Accept-Encoding"] = "gzip, br"
    people = [person.email for person in await Person.all() if person.email]
    seen = set[str]()
    for route in (each for each in routes.routes() if isinstance(each, Route) and "GET" in (each.methods or ())):
        answer = await site.client.get(await address(route))
        said = isinstance(route, ConsoleRoute) and route.compressed
        assert answer.headers.get("content-encoding", "") == ("gzip" if said else ""), route.path
        assert ("Accept-Encoding" in answer.headers.get("vary", "")) == said, route.path
        if said:
            seen.add(route.path)
            assert not [address for address in people if address in answer.text], route.path
            assert 'type="hidden"' not in answer.text, route.path
            echoed = await site.client.get(f"{route.path}?q=echo-of-the-request")
            assert "echo-of-the-request" not in echoed.text, route.path
    assert seen == COMPRESSED


async def test_the_portal_sends_every_page_as_it_is(site: Site, invite: Invite) -> None:
    site.client.headers["Accept-Encoding"] = "gzip, br"
    made = await invite("username_password")
    for path in (made.url, paths.LOGIN, paths.NEW_LINK, f"{paths.LOGIN}?e=ep-00000000-0000-0000-0000-000000000000"):
        answer = await site.client.get(path, follow_redirects=True)
        assert (len(answer.content) > 1000, "content-encoding" in answer.headers) == (True, False), path
    await site.client.get(made.url, follow_redirects=True)
    wrong = await site.client.post(paths.LOGIN, data={"name": "ben", "password": "wrong"})
    assert "content-encoding" not in wrong.headers
    entered = await site.client.post(paths.LOGIN, data={"name": "ben", "password": PASSWORD})
    assert (entered.status_code, await Invitation.all().count()) == (303, 1)
    for path in (paths.INSTALL, paths.PROFILE, paths.ROOT):
        answer = await site.client.get(path)
        assert (answer.status_code, "content-encoding" in answer.headers) == (200, False), path


async def test_a_compressed_page_is_the_same_page(site: Site) -> None:
    await furnish(site.desk)
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": "four quiet words here"})
    plain = await site.client.get(paths.MODES, headers={"Accept-Encoding": "identity"})
    async with site.client.stream("GET", paths.MODES, headers={"Accept-Encoding": "gzip"}) as answer:
        sent = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(sent) == plain.content
    assert int(answer.headers["content-length"]) == len(sent) < len(plain.content) / 3
    for headers in (plain.headers, answer.headers):
        assert "Accept-Encoding" in headers["vary"]
        assert headers["cache-control"] == "no-store"
