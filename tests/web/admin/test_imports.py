"""Files of people in the console: taken, shown, imported, handed out again."""

import codecs
import csv
import io

import httpx2
import pytest

from otae.directory.files import import_steps
from otae.store import database
from otae.store.models import PeopleImport, Person
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

UPLOAD = "/admin/users/import/upload"
FILE = "ben;four quiet words;USER;sales.north\n=cmd;x;USER\ncleo;;NOBODY\n"


async def upload(console: httpx2.AsyncClient, text: str | bytes, kind: str = "") -> str:
    """Send a file and return the address of its page."""
    data = text.encode() if isinstance(text, str) else text
    files = {"file": ("people;<b>.csv", data, "text/csv")}
    answer = await console.post(UPLOAD, data={"kind": kind}, files=files)
    assert answer.status_code == 303
    where: str = answer.headers["location"]
    return where


async def work(site: Site) -> None:
    row = await PeopleImport.all().order_by("-created_at").first()
    assert row is not None
    while await import_steps.step(site.desk, row.id, now=await database.now()):
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
    where = await upload(console, FILE, "users")
    assert "Reading the file" in (await console.get(where)).text
    part = await console.get(where, headers={"HX-Request": "true"})
    assert "every 2s" in part.text
    await work(site)
    page = (await console.get(where)).text
    assert "Import 1 user" in page
    assert page.index("sets the password of 1 user") < page.index("Import 1 user")
    assert "gets a password" in page
    assert "sales.north" in page
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
    assert result.content.startswith(codecs.BOM_UTF8)
    rows = list(csv.reader(io.StringIO(result.text)))
    assert [row[2] for row in rows] == ["result", "added", "refused", "refused"]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    only = list(csv.reader(io.StringIO((await console.get(f"{where}/result?show=refused")).text)))
    assert len(only) == 3
    assert (await console.get(f"{where}?show=sideways")).status_code == 400
    assert "people" in (await console.get(UPLOAD)).text


async def test_a_file_without_a_word_of_its_format_gives_nobody_a_password(
    site: Site, console: httpx2.AsyncClient
) -> None:
    guess = {"file": ("people.csv", b"employee;full name\nbert.o;Bertil Oestergaard Holm\n", "text/csv")}
    answer = await console.post(UPLOAD, data={"kind": ""}, files=guess)
    assert answer.status_code == 422
    assert "no heading says which column holds the user names" in answer.text
    where = await upload(console, "bert.o;Bertil Oestergaard Holm;USER;sales\n")
    await work(site)
    page = (await console.get(where)).text
    assert "The password in the file is left out" in page
    assert "sets the password" not in page
    await console.post(f"{where}/start")
    await work(site)
    assert (await Person.get(name="bert.o")).password_hash is None


async def test_what_is_written_is_shown_person_by_person(site: Site, console: httpx2.AsyncClient, ben: Person) -> None:
    table = "sep=;\r\nuser;display_name;email;groups;cost centre;password\r\n"
    table += "cleo;Cléo\u00a0Käfer;cleo@example.test;sales|crew;4711;four quiet words\r\n"
    table += f"ben;{ben.display_name};b2@example.test;;;\r\n"
    where = await upload(console, table.encode("utf-16"))
    await work(site)
    page = " ".join((await console.get(where)).text.split())
    for words in ("Cléo Käfer", "cleo@example.test", "sales, crew", "cost_centre = 4711", "b2@example.test"):
        assert words in page
    assert page.count("gets a password") == 1
    assert f"</span> {ben.display_name}</div>" not in page, "what stays as it is is not told"


async def test_users_survive_a_spreadsheet(site: Site, console: httpx2.AsyncClient) -> None:
    table = "user,display_name,phone,company,disabled\n"
    table += '="0042",李 Käfer,+49 151 2345678,3-4,no\nmar3,Märta,,"=x",yes\n'
    where = await upload(console, table)
    await work(site)
    await console.post(f"{where}/start")
    await work(site)
    before = await Person.all().order_by("name").values()
    assert [person["name"] for person in before] == ["0042", "mar3"]
    data = (await console.get("/admin/users/export/csv")).content
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    for words, encoding, separator in (("WAHR", "utf-8-sig", ";"), ("VRAI", "utf-16", "\t")):
        text = io.StringIO()
        csv.writer(text, delimiter=separator).writerows(
            [words if cell == "true" else cell for cell in row] for row in rows
        )
        where = await upload(console, text.getvalue().encode(encoding))
        await work(site)
        assert "This file changes nothing." in (await console.get(where)).text
    assert await Person.all().order_by("name").values() == before


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
    assert "It changed meanwhile" in (await console.get(where)).text
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
        assert answer.content.startswith(codecs.BOM_UTF8)
    assert (await console.get("/admin/users/export/xlsx")).status_code == 404
