"""Files of certificates at every door of the console: one that cannot be read is one clear refusal, never a failure."""

import ssl
from datetime import datetime

import httpx2
import pytest

from otae.signing.certificates import new_key, pem
from otae.store.models import Certificate, DirectoryServer, NotificationServer
from tests.authority.pushed import key_pem, push_certificate
from tests.signing import spoiled
from tests.web.admin.test_directories import ENTRIES as DIRECTORY
from tests.web.admin.test_notification_servers import ENTRIES as MAIL
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

KEY = new_key()
GOOD = spoiled.certificate(KEY, "House CA")
#: Where a file goes, what is sent with it, and what its field is called.
DOORS = {
    "push": ("/admin/push/upload", {"password": ""}, "file"),
    "signer": ("/admin/certificates/signer/upload", {"password": ""}, "file"),
    "tls": ("/admin/certificates/tls/upload", {"password": ""}, "file"),
    "directory": ("/admin/directories/add/upload", DIRECTORY, "ca_file"),
    "mail": ("/admin/notification-servers/add", MAIL, "ca_file"),
}


def armoured(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode()


@pytest.mark.parametrize("door", DOORS)
async def test_a_certificate_that_cannot_be_read_is_refused_beside_its_field(
    console: httpx2.AsyncClient, door: str
) -> None:
    where, entries, field = DOORS[door]
    before = await Certificate.all().count()
    for spoilt, words in ((spoiled.version_4(KEY), "its version is 4"), (spoiled.odd_name(KEY), "RFC 5280")):
        for data in (spoilt, armoured(spoilt)):
            answer = await console.post(where, data=entries, files={field: ("ca.pem", data)})
            assert answer.status_code == 422
            assert f'id="{field}-errors"' in answer.text
            assert words in answer.text
    assert await Certificate.all().count() == before
    assert not await DirectoryServer.exists()
    assert not await NotificationServer.exists()


@pytest.mark.parametrize("data", [b"", b"\r\n"])
@pytest.mark.parametrize("door", ["directory", "mail"])
async def test_an_empty_file_of_authorities_is_refused_and_does_not_stand_for_those_of_this_machine(
    console: httpx2.AsyncClient, door: str, data: bytes
) -> None:
    where, entries, field = DOORS[door]
    answer = await console.post(where, data=entries, files={field: ("ca.pem", data)})
    assert answer.status_code == 422
    assert f'id="{field}-errors"' in answer.text
    assert "the file is empty" in answer.text
    assert not await DirectoryServer.exists()
    assert not await NotificationServer.exists()


@pytest.mark.parametrize("door", ["directory", "mail"])
async def test_the_others_of_a_bundle_are_taken_made_anew_and_the_one_is_named(
    console: httpx2.AsyncClient, door: str
) -> None:
    where, entries, field = DOORS[door]
    data = "Käfer & Söhne\n".encode("latin-1") + pem(GOOD) + armoured(spoiled.version_4(KEY))
    answer = await console.post(where, data=entries, files={field: ("ca.pem", data)})
    assert answer.status_code == 303
    row = await (DirectoryServer if door == "directory" else NotificationServer).get()
    assert row.ca_pem == pem(GOOD).decode()
    page = (await console.get(answer.headers["location"])).text
    assert "1 left out: certificate 2 of the file cannot be read: its version is 4" in page
    assert pem(GOOD).decode().splitlines()[1] in page


async def test_a_push_certificate_is_taken_from_a_bundle_with_another_that_cannot_be_read(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    keyed = push_certificate(KEY, now=now)
    data = b"\xef\xbb\xbfS\xf6hne\n" + armoured(spoiled.version_4(KEY)) + pem(keyed.certificate) + key_pem(KEY)
    answer = await console.post("/admin/push/upload", data={"password": ""}, files={"file": ("push.pem", data)})
    assert answer.status_code == 303
    assert "1 left out: certificate 1" in (await console.get("/admin/push")).text
