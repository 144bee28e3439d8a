"""A header that names a client certificate proves nothing: only a signature identifies a Mac."""

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from otae.apple import plist
from otae.signing.certificates import der, pem
from otae.store import database
from otae.store.models import Device, Event
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

NAMES = (
    "Client-Cert",
    "X-Client-Cert",
    "X-SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
    "X-ARR-ClientCert",
    "SSL-Client-Cert",
)


async def test_a_header_that_names_a_certificate_proves_nothing(site: Site, tmp_path: Path) -> None:
    desk, now, mac = lab.with_lab_maker(site.desk, tmp_path), await database.now(), LabMac()
    topic = await mac.install_profile(desk, await lab.signed_in(desk, now, way="profile"), now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    assert mac.mdm is not None
    before = await Device.get().values()
    certificate = mac.mdm.certificate
    values = (
        f":{base64.b64encode(der(certificate)).decode()}:",
        quote(pem(certificate)),
        base64.b64encode(der(certificate)).decode(),
    )
    said = {
        "/mdm/checkin": plist.dumps({"MessageType": "GetBootstrapToken", "UDID": mac.udid}),
        "/mdm/connect": plist.dumps({"Status": "Idle", "UDID": mac.udid}),
    }
    for path, body in said.items():
        for value in values:
            headers = {**dict.fromkeys(NAMES, value), "X-SSL-Client-Verify": "SUCCESS"}
            answer = await site.client.put(path, content=body, headers=headers)
            assert (answer.status_code, answer.text.split()[0]) == (400, "signature-missing")
    assert await Device.get().values() == before
    assert await Event.filter(kind="refused").count() == 0, "they concern no session"
