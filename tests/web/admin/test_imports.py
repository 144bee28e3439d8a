"""Files of people in the console: taken, shown, imported, handed out again."""

import csv
import io

import httpx2
import pytest

from otae.directory import importing
from otae.store import database
from otae.store.models import PeopleImport, Person
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

UPLOAD = "/admin/users/import/upload"
FILE = "ben;four quiet words;USER;sales.north\n=cmd;x;USER\ncleo;;NOBODY\n"


async def upload(console: httpx2.AsyncClient, text: str, kind: str = "") -> str:
    """Send a file and return the address of its page."""
    files = {"file": ("people;<b>.csv", text.encode(), "text/csv")}
    answer = await console.post(UPLOAD, data={"kind": kind}, files=files)
    assert answer.status_code == 303
    where: str = answer.headers["location"]
    return where


async def work(site: Site) -> None:
    row = await PeopleImport.all().order_by("-created_at").first()
    assert row is not None
    while await importing.step(site.desk, row.id, now=await database.now()):
        pass


async def test_an_empty_page_says_what_a_file_looks_like(console: httpx2.AsyncClient) -> None:
    page = (await console.get(UPLOAD)).text
    assert "No file yet" in page
    assert "Example\\; Ltd" in page


async def test_no_file_is_told_beside_the_field(console: httpx2.AsyncClient) -> None:
    for files in (None, {"file": ("x.csv", b"\0", "text/csv")}):
        answer = await console.post(UPLOAD, data={"kind": ""}, files=files)
        assert answer.status_code == 422
        assert 'id="file-errors"' in answer.text


async def test_a_file_goes_from_upload_to_result(site: Site, console: httpx2.AsyncClient) -> None:
    where = await upload(console, FILE)
    assert "Reading the file" in (await console.get(where)).text
    part = await console.get(where, headers={"HX-Request": "true"})
    assert "every 2s" in part.text
    await work(site)
    page = (await console.get(where)).text
    assert "Import 1 user" in page
    assert "every 2s" not in page
    assert "there is no such role" in page
    assert "<b>" not in page
    assert await Person.all().count() == 0
    assert (await console.post(f"{where}/start")).status_code == 303
    assert "Importing" in (await console.get(where)).text
    await work(site)
    page = (await console.get(where)).text
    ben = await Person.get(name="ben")
    assert f"/admin/users/{ben.id}" in page
    result = await console.get(f"{where}/result")
    assert "attachment" in result.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(result.text)))
    assert [row[2] for row in rows] == ["result", "added", "refused", "refused"]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    only = list(csv.reader(io.StringIO((await console.get(f"{where}/result?show=refused")).text)))
    assert len(only) == 3
    assert (await console.get(f"{where}?show=sideways")).status_code == 400
    assert "people" in (await console.get(UPLOAD)).text


async def test_news_come_only_when_there_are_any(console: httpx2.AsyncClient) -> None:
    where = await upload(console, FILE)
    page = (await console.get(where)).text
    mark = page.partition("?seen=")[2].partition('"')[0]
    answer = await console.get(f"{where}?seen={mark}", headers={"HX-Request": "true"})
    assert answer.status_code == 204


async def test_a_cancelled_file_is_final(site: Site, console: httpx2.AsyncClient) -> None:
    where = await upload(console, FILE)
    await console.post(f"{where}/cancel")
    assert "Cancelled" in (await console.get(where)).text
    late = await console.post(f"{where}/start")
    assert late.status_code == 303
    assert "It had moved on meanwhile" in (await console.get(where)).text
    await work(site)
    assert await Person.all().count() == 0


async def test_people_are_handed_out_in_each_format(console: httpx2.AsyncClient, ben: Person) -> None:
    for kind, words in (
        ("csv", "user,display_name"),
        ("users", "ben;;USER"),
        ("properties", "ben;displayname;Ben Okafor"),
    ):
        answer = await console.get(f"/admin/users/export/{kind}")
        assert words in answer.text
        assert "argon2" not in answer.text
    assert (await console.get("/admin/users/export/xlsx")).status_code == 404
