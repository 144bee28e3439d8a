"""What directories of the tests hold: a generic tree, an Active Directory's, and how entries are written (LDIF)."""

import base64
import uuid
from collections.abc import Iterable

#: The generic tree, the Active Directory's, and who looks things up in both.
BASE, CORP = "dc=example,dc=test", "dc=corp,dc=test"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
SERVICE = f"cn=desk,{BASE}"
PASSWORD = "open sesame ldap"
#: Most members of the generic tree's biggest group.
MEMBERS = 10_000


def entry(dn: str, **values: "str | bytes | Iterable[str]") -> str:
    """Give one entry as LDIF; names with underscores are written with hyphens."""
    lines = [f"dn: {dn}"]
    for name, value in values.items():
        for each in [value] if isinstance(value, str | bytes) else value:
            text = each if isinstance(each, str) else ""
            plain = isinstance(each, str) and text.isascii() and text.isprintable()
            raw = each if isinstance(each, bytes) else text.encode()
            lines.append(f"{name}: {text}" if plain else f"{name}:: {_base64(raw)}")
    return "\n".join(lines) + "\n\n"


def person(uid: str, *, dn: str | None = None, **more: "str | Iterable[str]") -> str:
    """Give a person of the generic tree, with the password of the tests."""
    values: dict[str, str | Iterable[str]] = {
        "objectClass": "inetOrgPerson", "uid": uid, "cn": uid.title(), "sn": uid.title(), "userPassword": PASSWORD,
        "mail": f"{uid}@example.test", "entryUUID": str(uuid.uuid5(uuid.NAMESPACE_DNS, dn or uid)),
    }  # fmt: skip
    values |= more
    return entry(dn or f"uid={uid},{PEOPLE}", **{name: value for name, value in values.items() if value})


def user(name: str, number: int, domain: str = CORP, **more: "str | bytes | list[str]") -> str:
    """Give a person of an Active Directory's tree."""
    principal = f"{name}@{domain.replace(',', '.').replace('dc=', '')}"
    values: dict[str, str | bytes | list[str]] = {
        "objectClass": ["user", "securityPrincipal"], "cn": name.title(), "sn": name.title(), "userPassword": PASSWORD,
        "sAMAccountName": name.upper(), "userPrincipalName": principal, "objectGUID": guid(number),
        "mail": principal, "displayName": f"{name.title()} of Corp", "userAccountControl": "512",
        "accountExpires": "9223372036854775807", "pwdLastSet": "133000000000000000",
        "objectSid": sid(1000 + number), "primaryGroupID": "513",
        "instanceType": "4", "objectCategory": f"cn=person,{CORP}", "nTSecurityDescriptor": "none",
    }  # fmt: skip
    return entry(
        f"cn={name.title()},ou=staff,{domain}", **{name: text for name, text in (values | more).items() if text}
    )


def guid(number: int) -> bytes:
    """Give an objectGUID, with bytes that a filter would read as syntax."""
    return bytes([0x28, 0x2A, 0x29, 0x00, 0x5C, 0xFF]) + number.to_bytes(10, "big")


def sid(number: int, domain: int = 7) -> bytes:
    """Give an objectSid: S-1-5-21-7-7-7 and the number of one account."""
    parts = (21, domain, domain, domain, number)
    return b"\x01\x05\0\0\0\0\0\x05" + b"".join(part.to_bytes(4, "little") for part in parts)


def dns(first: int, last: int) -> list[str]:
    """Give the places of people of the crowd, from one number to another."""
    return [f"uid=u{number:05},{PEOPLE}" for number in range(first, last + 1)]


def generic(crowd: int) -> str:
    """Give the generic tree: Ben, Cleo and others by name, a crowd, and groups of every kind."""
    made = [
        entry(BASE, objectClass=["dcObject", "organization"], dc="example", o="Example"),
        entry(PEOPLE, objectClass="organizationalUnit", ou="people"),
        entry(GROUPS, objectClass="organizationalUnit", ou="groups"),
        entry(f"ou=elsewhere,{BASE}", objectClass="organizationalUnit", ou="elsewhere"),
        entry(SERVICE, objectClass=["organizationalRole", "simpleSecurityObject"], cn="desk", userPassword=PASSWORD),
        person("ben", mobile="+49 151 2345678", displayName="Ben Example"),
        person("cleo", mail=["cleo@example.test", "second@example.test"]),
        person("dora", mail="", cn="Döra Ünïcode"),
        person("erin", dn=f"cn=Erin\\2C the (first)+uid=erin,{PEOPLE}", cn="Erin, the (first)"),
        person("twin1", mail="twins@example.test"),
        person("twin2", mail="twins@example.test"),
        person("same", dn=f"cn=Same One,{PEOPLE}", cn="Same One"),
        person("same", dn=f"cn=Same Two,{PEOPLE}", cn="Same Two"),
        person(
            "anna",
            displayName="Anna\u00a0Käfer\u3000علی\u200cرضا",
            mail="anna@xn--mller-kva.example",
            telephoneNumber="+49 30 1234567 / 68",
        ),
        person("bad", mail="not an address", telephoneNumber="call me"),
        *(person(f"u{number:05}") for number in range(1, crowd + 1)),
    ]
    sub = [
        ("nested", [f"cn=nested-{at},{GROUPS}" for at in range(10)] + [f"uid=ben,{PEOPLE}"]),
        *((f"nested-{at}", dns(at * 100 + 1, at * 100 + 100)) for at in range(10)),
        ("round", [f"cn=round-2,{GROUPS}", f"uid=ben,{PEOPLE}"]),
        ("round-2", [f"cn=round,{GROUPS}", f"cn=round-2,{GROUPS}", f"uid=cleo,{PEOPLE}", f"uid=ben,{PEOPLE}"]),
        ("odd", [f"cn=Erin\\2C the (first)+uid=erin,{PEOPLE}", f"uid=gone,{PEOPLE}", f"uid=x,ou=nowhere,{BASE}"]),
        ("everybody", dns(1, max(1, min(crowd, MEMBERS)))),
    ]
    made += [entry(f"cn={name},{GROUPS}", objectClass="groupOfNames", cn=name, member=who) for name, who in sub]
    unique = [f"uid=ben,{PEOPLE}#'0101'B", f"uid=cleo,{PEOPLE}"]
    made += [
        entry(f"cn=unique,{GROUPS}", objectClass="groupOfUniqueNames", cn="unique", uniqueMember=unique),
        entry(f"cn=posix,{GROUPS}", objectClass="posixGroup", cn="posix", gidNumber="1", memberUid=["ben", "gone*"]),
        entry(f"cn=double,{GROUPS}", objectClass="groupOfNames", cn="double", member=f"uid=ben,{PEOPLE}"),
        entry(f"cn=double,ou=elsewhere,{BASE}", objectClass="groupOfNames", cn="double", member=f"uid=ben,{PEOPLE}"),
    ]
    return "".join(made)


def corp() -> str:
    """Give the Active Directory's tree."""
    staff = f"ou=staff,{CORP}"
    group = {"instanceType": "4", "objectCategory": f"cn=group,{CORP}", "nTSecurityDescriptor": "none"}

    def team(name: str, number: int, *members: str) -> str:
        classes = ["group", "securityPrincipal"]
        dn = f"cn={name},ou=teams,{CORP}"
        return entry(dn, objectClass=classes, cn=name, groupType="2", member=members, objectSid=sid(number), **group)

    return "".join([
        entry(CORP, objectClass=["dcObject", "organization"], dc="corp", o="Corp"),
        entry(staff, objectClass="organizationalUnit", ou="staff"),
        entry(f"ou=teams,{CORP}", objectClass="organizationalUnit", ou="teams"),
        user("ben", 1, mobile="+49 151 2345678"),
        user("cleo", 2, userAccountControl="514"),
        user("dora", 3, pwdLastSet="0"),
        user("erin", 4, accountExpires="130000000000000000"),
        user("pc", 5, objectClass=["computer", "securityPrincipal"]),
        team("staff", 513),
        team("sales", 1101, f"cn=north,ou=teams,{CORP}", f"cn=Ben,{staff}"),
        team("north", 1102, f"cn=sales,ou=teams,{CORP}", f"cn=Dora,{staff}", f"cn=Pc,{staff}"),
    ])  # fmt: skip


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
