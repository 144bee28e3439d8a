"""Checks property lists against the schemas Apple publishes for device management, as a Mac on the device channel.

Strict is for what we send: an unknown key is a finding. For what Macs send, ``strict=False`` lets unknown keys pass.
A finding is one line that begins with the place; no findings means the value fits.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

import yaml

from otae.apple import plist
from tests.reference import reference

_TYPES: dict[str, tuple[type, ...]] = {
    "<string>": (str,),
    "<integer>": (int,),
    "<real>": (int, float),
    "<boolean>": (bool,),
    "<date>": (datetime,),
    "<data>": (bytes,),
    "<array>": (list,),
    "<dictionary>": (dict,),
}
_IDENTITIES = {"com.apple.security.scep", "com.apple.security.acme", "com.apple.security.pkcs12"}
_CERTIFICATES = {"com.apple.security.root", "com.apple.security.pkcs1", "com.apple.security.pem"}
_UUID = re.compile(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}")

Key = Mapping[str, Any]


@cache
def _file(path: str) -> Mapping[str, Any]:
    text = reference(f"apple-device-management/mdm/{path}.yaml").read_text(encoding="utf-8")
    return cast("Mapping[str, Any]", yaml.safe_load(text))


def _on_macos(key: Key) -> Mapping[str, Any]:
    supported = key.get("supportedOS") or {}
    return cast("Mapping[str, Any]", supported.get("macOS") or {})


@dataclass(frozen=True)
class Judge:
    """One way of looking: how strict, and on which channel."""

    strict: bool = True
    user_channel: bool = False

    def _offered(self, key: Key) -> bool:
        macos = _on_macos(key)
        return macos.get("introduced") != "n/a" and "removed" not in macos and self._on_this_channel(macos)

    def _on_this_channel(self, macos: Mapping[str, Any]) -> bool:
        return macos.get("userchannel" if self.user_channel else "devicechannel") is not False

    def _needed(self, key: Key) -> bool:
        # "required" in user enrollment is said of keys that a device enrollment does not have.
        user_enrollment = (_on_macos(key).get("userenrollment") or {}).get("mode")
        return key.get("presence") == "required" and self._offered(key) and user_enrollment != "required"

    def dictionary(self, value: Mapping[str, Any], keys: Sequence[Key], where: str) -> Iterator[str]:
        """Findings in a dictionary whose keys are described by ``keys``."""
        if any(key["key"] == "ANY" for key in keys):
            return
        known = {key["key"]: key for key in keys if self._offered(key)}
        for name in value:
            if name not in known and self.strict:
                yield f"{where}: unknown key {name}"
        for name, key in known.items():
            if name in value:
                yield from self.value(value[name], key, f"{where}.{name}")
            elif self._needed(key):
                yield f"{where}: {name} is missing"

    def value(self, value: Any, key: Key, where: str) -> Iterator[str]:  # noqa: ANN401  a property list may hold anything
        """Findings in one value described by ``key``."""
        kind = key["type"]
        if kind == "<any>":
            return
        right: bool = isinstance(value, _TYPES[kind]) and isinstance(value, bool) is (kind == "<boolean>")
        if not right:
            yield f"{where}: {type(value).__name__} instead of {kind}"
            return
        if "rangelist" in key and value not in key["rangelist"]:
            yield f"{where}: {value!r} is none of {key['rangelist']}"
        if "format" in key and not re.search(key["format"], value):
            yield f"{where}: {value!r} is not {key['format']}"
        bounds = key.get("range")
        if bounds and not bounds.get("min", value) <= value <= bounds.get("max", value):
            yield f"{where}: {value!r} is out of range"
        subkeys = key.get("subkeys") or []
        if kind == "<dictionary>" and subkeys:
            yield from self.dictionary(value, subkeys, where)
        elif kind == "<array>" and subkeys:
            yield from self._array(value, subkeys[0], where)
        elif kind == "<string>" and subkeys and value not in {sub["key"] for sub in subkeys if self._offered(sub)}:
            yield f"{where}: {value!r} is not offered"

    def _array(self, value: Sequence[Any], item: Key, where: str) -> Iterator[str]:
        repetition = item.get("repetition")
        if repetition and not repetition["min"] <= len(value) <= repetition["max"]:
            yield f"{where}: {len(value)} items"
        for index, element in enumerate(value):
            yield from self.value(element, item, f"{where}[{index}]")


def profile_findings(data: bytes) -> list[str]:
    """Look at a configuration profile we send: top level, each payload, and the references between payloads."""
    profile = plist.loads(data)
    keys = [dict(key) for key in _file("profiles/TopLevel")["payloadkeys"]]
    if profile.get("IsEncrypted") is True:
        for key in keys:
            changed = {"PayloadContent": "optional", "EncryptedPayloadContent": "required"}
            key["presence"] = changed.get(key["key"], key.get("presence"))
    found = list(Judge().dictionary(profile, keys, "profile"))
    if isinstance(profile.get("PayloadContent"), list):
        found += content_findings(cast("list[Any]", profile["PayloadContent"]), profile)
    return found


def content_findings(payloads: Sequence[Any], profile: Mapping[str, Any]) -> list[str]:
    """Look at the payloads of a configuration profile (for an encrypted one: at its decrypted array)."""
    found: list[str] = []
    common = _file("profiles/CommonPayloadKeys")["payloadkeys"]
    for payload in payloads:
        kind = payload.get("PayloadType", "")
        own = _file(f"profiles/{kind}")["payloadkeys"]
        found += Judge().dictionary(payload, [*common, *own], kind)
    return found + list(_references([profile, *payloads]))


def _references(payloads: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name in ("PayloadUUID", "PayloadIdentifier"):
        counted = Counter(payload[name] for payload in payloads)
        yield from (f"{name} {value} stands {count} times" for value, count in counted.items() if count > 1)
    for payload in payloads:
        if not _UUID.fullmatch(payload["PayloadUUID"]):
            yield f"PayloadUUID {payload['PayloadUUID']} is no upper-case UUID"
    identities = {payload["PayloadUUID"] for payload in payloads if payload["PayloadType"] in _IDENTITIES}
    certificates = {payload["PayloadUUID"] for payload in payloads if payload["PayloadType"] in _CERTIFICATES}
    for payload in payloads:
        if payload.get("IdentityCertificateUUID", next(iter(identities), None)) not in {*identities, None}:
            yield "IdentityCertificateUUID names no identity of this profile"
        for name in ("ServerURLPinningCertificateUUIDs", "CheckInURLPinningCertificateUUIDs"):
            if not certificates.issuperset(payload.get(name, [])):
                yield f"{name} names a certificate that is not in this profile"


def profile_service_findings(data: bytes) -> list[str]:
    """Look at a Profile Service profile. Apple publishes no schema; the archive's page and recorded servers agree."""
    profile = plist.loads(data)
    text: dict[str, Any] = {"type": "<string>", "presence": "required"}
    optional = {"type": "<string>", "presence": "optional"}
    attribute = {
        "key": "Item",
        "type": "<string>",
        "rangelist": ["UDID", "VERSION", "PRODUCT", "SERIAL", "MEID", "IMEI"],
    }
    content = [
        text | {"key": "URL", "format": "^https://"},
        {"key": "DeviceAttributes", "type": "<array>", "presence": "required", "subkeys": [attribute]},
        optional | {"key": "Challenge"},
    ]
    keys = [
        text | {"key": "PayloadType", "rangelist": ["Profile Service"]},
        {"key": "PayloadVersion", "type": "<integer>", "presence": "required", "rangelist": [1]},
        text | {"key": "PayloadIdentifier"},
        text | {"key": "PayloadUUID", "format": f"^{_UUID.pattern}$"},
        optional | {"key": "PayloadDisplayName"},
        optional | {"key": "PayloadOrganization"},
        optional | {"key": "PayloadDescription"},
        {"key": "PayloadContent", "type": "<dictionary>", "presence": "required", "subkeys": content},
    ]
    return list(Judge().dictionary(profile, keys, "profile service"))


def checkin_findings(data: bytes, *, user_channel: bool = False) -> list[str]:
    """Look at a check-in as a Mac sends it; unknown keys pass."""
    message = plist.loads(data)
    name = str(message["MessageType"]).lower()
    judge = Judge(strict=False, user_channel=user_channel)
    return list(judge.dictionary(message, _file(f"checkin/{name}")["payloadkeys"], name))


def checkin_answer_findings(data: bytes, name: str) -> list[str]:
    """Look at our answer to the check-in ``name`` (lower case)."""
    return list(Judge().dictionary(plist.loads(data), _file(f"checkin/{name}")["responsekeys"], name))


def command_findings(data: bytes, name: str) -> list[str]:
    """Look at a command we send; ``name`` is the schema's, such as ``profile.install``."""
    message = plist.loads(data)
    schema = _file(f"commands/{name}")
    text = {"type": "<string>", "presence": "required"}
    request_type = text | {"key": "RequestType", "rangelist": [schema["payload"]["requesttype"]]}
    subkeys = [request_type, *schema.get("payloadkeys", [])]
    command = {"key": "Command", "type": "<dictionary>", "presence": "required", "subkeys": subkeys}
    return list(Judge().dictionary(message, [text | {"key": "CommandUUID"}, command], name))


def error_findings(value: Mapping[str, Any], name: str) -> list[str]:
    """Look at the body of a 403; ``name`` is the schema's, such as ``unrecognized.device``."""
    return list(Judge().dictionary(value, _file(f"errors/{name}")["payloadkeys"], name))
