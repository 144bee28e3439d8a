"""Settings → Serial numbers: lists by form and by file, found, exported, and taken off."""

import httpx2
import pytest

from otae.store import database, properties
from otae.store.models import Device, ListedSerial

pytestmark = pytest.mark.anyio

LIST = "/admin/serial-numbers"
UPLOAD = f"{LIST}/upload"


async def test_serial_numbers_are_added_shown_exported_and_taken_off(console: httpx2.AsyncClient) -> None:
    empty = (await console.get(LIST)).text
    assert "No Mac of the organization yet" in empty
    assert "No Mac has to be on the organization's list." in empty
    sent = {"kind": "company", "serials": "c02xk0aaajg5\r\nC02XK0AAAJG6, C02XK0AAA<b>", "note": "order 7"}
    refused = await console.post(UPLOAD, data=sent)
    assert refused.status_code == 422
    assert "in line 2 (C02XK0AAA&lt;b&gt;)" in refused.text
    assert "c02xk0aaajg5" in refused.text
    assert not await ListedSerial.exists()
    answer = await console.post(UPLOAD, data=sent | {"serials": "c02xk0aaajg5\r\nC02XK0AAAJG6"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}?list=company")
    now = await database.now()
    udid = "564D4B6E-0A3C-4F1D-9E7A-2B1C0D9E8F7A"
    await Device(udid=udid, serial="C02XK0AAAJG5", created_at=now, seen_at=now).save()
    await properties.write("macos.company.serials", "corporate")
    page = (await console.get(LIST)).text
    assert f'href="/admin/devices/{udid}">C02XK0AAAJG5</a>' in page
    assert "order 7" in page
    assert "Corporate Macs have to be on" in page
    assert "C02XK0AAAJG6" not in (await console.get(LIST, params={"q": "c02xk0aaajg5"})).text
    exported = await console.get(f"{LIST}/export", params={"list": "company"})
    assert [line.split(",")[0] for line in exported.text.splitlines()] == [
        "\ufeffserial",
        "C02XK0AAAJG5",
        "C02XK0AAAJG6",
    ]
    answer = await console.post(f"{LIST}/remove", data={"serial": "C02XK0AAAJG6"})
    assert answer.headers["location"] == f"{LIST}?list=company"
    assert (await console.post(f"{LIST}/remove", data={"serial": "C02XK0AAAJG6"})).status_code == 404
    audit = (await console.get("/admin/audit", params={"action": "serial.add"})).text
    assert f'href="{LIST}?list=company"' in audit


async def test_a_file_moves_serial_numbers_from_the_other_list(console: httpx2.AsyncClient) -> None:
    await console.post(UPLOAD, data={"kind": "company", "serials": "C02XK0AAAJG5"})
    file = {"file": ("macs.csv", b"Serial number;model\nC02XK0AAAJG5;x\nC02XK0AAAJG7;x\n", "text/csv")}
    answer = await console.post(UPLOAD, data={"kind": "refused", "serials": "", "note": ""}, files=file)
    page = (await console.get(answer.headers["location"])).text
    assert "1 serial number was added. 1 was on the other list." in page
    assert await ListedSerial.filter(kind="refused").count() == 2
    bad = {"file": ("macs.xlsx", b"PK\x03\x04\x00\x00", "application/octet-stream")}
    refused = await console.post(UPLOAD, data={"kind": "refused", "serials": ""}, files=bad)
    assert refused.status_code == 422
    assert "this is no text file" in refused.text
    nothing = await console.post(UPLOAD, data={"kind": "refused", "serials": " \n"})
    assert (nothing.status_code, "enter 1 to 100000 serial numbers" in nothing.text) == (422, True)
    assert (await console.post(UPLOAD, data={"kind": "stolen", "serials": "C02XK0AAAJG5"})).status_code == 422
    assert (await console.get(LIST, params={"list": "stolen"})).status_code == 400
