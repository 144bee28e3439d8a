"""Good messages to begin from, made anew in each process by the same means as the tests' own; no key is kept."""

import base64
import plistlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa

from otae.apple import plist
from otae.signing import csr, der, issuing, scep_client
from otae.signing.certificates import Keyed, name, new_key
from otae.signing.certificates import der as as_der
from otae.signing.envelopes import encrypt
from tests.signing import forge

UDID = "4D5E6F70-1122-5334-8455-66778899AABB"
TOPIC = "com.apple.mgmt.External.0f1e"
MESSAGES: dict[str, dict[str, object]] = {
    "Authenticate": {"Topic": TOPIC, "UDID": UDID, "Model": "MacBookPro18,3", "SerialNumber": "C02TEST00001"},
    "TokenUpdate": {"Topic": TOPIC, "UDID": UDID, "Token": bytes(32), "PushMagic": "magic", "NotOnConsole": True},
    "CheckOut": {"Topic": TOPIC, "UDID": UDID},
    "SetBootstrapToken": {"UDID": UDID, "BootstrapToken": b"boot", "AwaitingConfiguration": False},
    "GetBootstrapToken": {"UDID": UDID},
    "UserAuthenticate": {"UDID": UDID, "UserID": UDID, "DigestResponse": "digest"},
    "DeclarativeManagement": {"UDID": UDID, "Endpoint": "status", "Data": b'{"StatusItems": {}}'},
    "GetToken": {"UDID": UDID, "TokenServiceType": "com.apple.maid"},
}
ATTRIBUTES: dict[str, object] = {
    "CHALLENGE": "one-time-secret",
    "IMEI": "",
    "NotOnConsole": False,
    "PRODUCT": "VirtualMac2,1",
    "SERIAL": "ZTEST00001",
    "UDID": "00008103-001A2B3C4D5E001E",
    "UserLongName": "Ben Baker",
    "UserShortName": "ben",
    "VERSION": "22A380",
}
VALUES: dict[str, object] = {
    "text": "Bücher <&>",
    "data": bytes(range(20)),
    "when": datetime(2026, 11, 23, 12, 0),  # noqa: DTZ001 - property lists know no time zones
    "numbers": [0, -1, 2**63 - 1, 1.5, True, False],
    "nested": {"a": [{"b": []}]},
}
STATUS: dict[str, object] = {
    "Status": "Error",
    "UDID": UDID,
    "CommandUUID": "0001",
    "ErrorChain": [{"ErrorCode": 12021, "ErrorDomain": "MCMDMErrorDomain", "LocalizedDescription": "no"}],
}


@dataclass(frozen=True)
class Cast:
    """Who takes part: a device CA and its registration authority, and a Mac with its key."""

    device_ca: Keyed
    ra: Keyed
    mac: Keyed
    mac_key: rsa.RSAPrivateKey


@cache
def cast() -> Cast:
    """Make everybody's keys, once a process."""
    start = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    term = issuing.Validity(not_before=start, not_after=start + timedelta(days=365))
    root = issuing.build_root(new_key(), name("Example Root CA", "Example"), **term)
    device_ca = issuing.build_device_ca(new_key(), name("Example Device CA", "Example"), root, **term)
    ra = issuing.build_ra(new_key(), name("Example RA", "Example"), device_ca, **term)
    mac_key = new_key()
    return Cast(device_ca, ra, issuing.build_scep_signer(mac_key, **term), mac_key)


def request() -> bytes:
    """Return a request as a Mac makes it."""
    return csr.build(cast().mac_key, "a Mac", "one-time", version=2)


def cms_messages() -> list[bytes]:
    """Return signed messages: attached, detached, without attributes, SHA-1, BER, two signers, an empty bag."""
    mac = cast().mac
    good = [
        forge.signed(mac),
        forge.signed(mac, bare=True),
        forge.signed(mac, detached=True),
        forge.signed(mac, name="sha1"),
        forge.message(forge.PLIST, [], [mac.certificate]),
        forge.message(forge.PLIST, [forge.signer_info(mac, forge.PLIST, None)] * 2, [mac.certificate]),
        forge.message(forge.PLIST, [forge.signer_info(mac, forge.PLIST, forge.standard(forge.PLIST))], []),
    ]
    return [*good, forge.indefinite(good[0])]


def scep_messages() -> list[bytes]:
    """Return requests as Macs and others send them."""
    who = cast()
    bag = [who.device_ca.certificate, who.ra.certificate]
    made = scep_client.build_request(request(), who.mac, bag).data
    old = scep_client.build_request(request(), who.mac, bag, digest="sha1", cipher="des-ede3-cbc").data
    return [made, old, forge.indefinite(made)]


def envelopes() -> list[bytes]:
    """Return what a SCEP request holds, for our registration authority and for somebody else."""
    who = cast()
    ours = [encrypt(request(), who.ra.certificate, "aes-128-cbc"), encrypt(b"", who.ra.certificate, "aes-256-cbc")]
    return [
        *ours,
        encrypt(request(), who.ra.certificate, "des-ede3-cbc"),
        encrypt(b"x", who.mac.certificate, "des-cbc"),
        forge.indefinite(ours[0]),
    ]


def requests() -> list[bytes]:
    """Return PKCS #10 requests."""
    return [request(), csr.build(cast().mac_key, "a Mac", None, version=0), as_der(cast().ra.certificate)]


def der_values() -> list[bytes]:
    """Return values in DER and BER."""
    small = [
        b"\x05\x00",
        b"\x30\x80\x02\x01\x07\x00\x00",
        b"\x24\x80\x04\x01a\x04\x01b\x00\x00",
        der.octets(b"x" * 200),
    ]
    return [*small, request(), cms_messages()[-1]]


def plists() -> list[bytes]:
    """Return property lists, XML and binary."""
    return [plist.dumps(VALUES), plistlib.dumps(VALUES, fmt=plistlib.FMT_BINARY), plist.dumps({})]


def checkins() -> list[bytes]:
    """Return one check-in of each type."""
    return [plist.dumps({"MessageType": kind, **values}) for kind, values in MESSAGES.items()]


def answers() -> list[bytes]:
    """Return answers to commands."""
    return [plist.dumps(STATUS), plist.dumps({"Status": "Idle", "UDID": UDID})]


def attributes() -> list[bytes]:
    """Return the attributes of a Mac, as XML and binary."""
    return [plist.dumps(ATTRIBUTES), plistlib.dumps(ATTRIBUTES, fmt=plistlib.FMT_BINARY)]


def queries() -> list[bytes]:
    """Return query strings of a PKIOperation."""
    text = base64.b64encode(bytes(range(256))).decode()
    forms = (text, quote(text, safe=""), text.replace("+", " "), text.replace("+", "-").replace("/", "_").rstrip("="))
    return [f"operation=PKIOperation&message={form}".encode() for form in forms]
