"""A real OpenLDAP server with TLS, 12 000 people, and an Active Directory's attributes in a second tree."""

import base64
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.ports import Identity, free_port, listens, server_folder, wait_until

SLAPD = Path("/usr/sbin/slapd")
SCHEMA = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
#: The generic tree, the Active Directory's, and who looks things up in both.
BASE, CORP = "dc=example,dc=test", "dc=corp,dc=test"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
SERVICE = f"cn=desk,{BASE}"
PASSWORD = "open sesame ldap"
CROWD, MEMBERS, NESTED = 12_000, 10_000, 1_000
ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"

CONFIG = """
modulepath {modules}
moduleload back_mdb
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
include {schema}/nis.schema
include {folder}/msuser.schema
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'supportedCapabilities' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )
objectclass ( 1.3.6.1.4.1.99999.2 NAME 'securityPrincipal' SUP top AUXILIARY MAY ( sAMAccountName $ objectGUID ) )
pidfile {folder}/pid
rootDSE {folder}/root.ldif
TLSCACertificateFile {identity.ca_file}
TLSCertificateFile {identity.certificate_file}
TLSCertificateKeyFile {identity.key_file}
access to attrs=userPassword by anonymous auth by * none
access to dn.base="" by * read
access to * by dn.exact="{service}" read by * none
"""
DATABASE = """
database mdb
suffix "{suffix}"
directory {folder}/{name}
maxsize 268435456
dbnosync
rootdn "cn=root,{suffix}"
rootpw {password}
index objectClass,uid,cn,mail,entryUUID,member,sAMAccountName,userPrincipalName eq
index default eq
limits dn.exact="{service}" size.soft=500 size.hard=500 size.pr=500 size.prtotal=unlimited
"""


@dataclass
class LdapServer:
    """A server that can be started, paused, killed and asked what it was asked."""

    folder: Path
    identity: Identity
    secret: str
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def ca_pem(self) -> str:
        """Give the certificate of the authority that vouches for it."""
        return self.identity.ca_file.read_text()

    def start(self, *, tls: bool = True) -> None:
        """Run it until it listens; everything it is asked goes into its log."""
        urls = f"ldap://127.0.0.1:{self.port}" + (f" ldaps://127.0.0.1:{self.tls_port}" if tls else "")
        with (self.folder / "log").open("ab") as log:
            command = [str(SLAPD), "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "stats"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: self._ended() or listens(self.port), "slapd")
        if self._ended():
            raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP and SIGCONT pause it and let it go on."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=20)

    def said(self) -> str:
        """Give what it wrote about everything it was asked."""
        return (self.folder / "log").read_text(errors="replace")

    def binds(self) -> int:
        """Count the binds that it was asked for other than the one that looks people up."""
        asked = re.findall(r'BIND dn="([^"]*)" method=128', self.said())
        return sum(dn.casefold() != SERVICE for dn in asked)

    def searches(self) -> int:
        """Count the searches that it was asked for."""
        return self.said().count(" SRCH base=")

    def change(self, ldif: str, base: str = BASE) -> None:
        """Change its content as LDIF says."""
        where = ["-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", f"cn=root,{base}", "-w", self.secret]
        subprocess.run(["ldapmodify", *where], input=ldif, text=True, check=True, capture_output=True)

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


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
        "mail": f"{uid}@example.test",
    }  # fmt: skip
    values |= more
    return entry(dn or f"uid={uid},{PEOPLE}", **{name: value for name, value in values.items() if value})


def user(name: str, number: int, **more: "str | bytes | list[str]") -> str:
    """Give a person of the Active Directory's tree."""
    values: dict[str, str | bytes | list[str]] = {
        "objectClass": ["user", "securityPrincipal"], "cn": name.title(), "sn": name.title(), "userPassword": PASSWORD,
        "sAMAccountName": name.upper(), "userPrincipalName": f"{name}@corp.test", "objectGUID": guid(number),
        "mail": f"{name}@corp.test", "displayName": f"{name.title()} of Corp", "userAccountControl": "512",
        "accountExpires": "9223372036854775807", "pwdLastSet": "133000000000000000",
        "instanceType": "4", "objectCategory": f"cn=person,{CORP}", "nTSecurityDescriptor": "none",
    }  # fmt: skip
    return entry(f"cn={name.title()},ou=staff,{CORP}", **(values | more))


def guid(number: int) -> bytes:
    """Give an objectGUID, with bytes that a filter would read as syntax."""
    return bytes([0x28, 0x2A, 0x29, 0x00, 0x5C, 0xFF]) + number.to_bytes(10, "big")


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

    def team(name: str, *members: str) -> str:
        values = {"objectClass": "group", "cn": name, "groupType": "2", "member": members, **group}
        return entry(f"cn={name},ou=teams,{CORP}", **values)

    return "".join([
        entry(CORP, objectClass=["dcObject", "organization"], dc="corp", o="Corp"),
        entry(staff, objectClass="organizationalUnit", ou="staff"),
        entry(f"ou=teams,{CORP}", objectClass="organizationalUnit", ou="teams"),
        user("ben", 1, mobile="+49 151 2345678"),
        user("cleo", 2, userAccountControl="514"),
        user("dora", 3, pwdLastSet="0"),
        user("erin", 4, accountExpires="130000000000000000"),
        user("pc", 5, objectClass=["computer", "securityPrincipal"]),
        team("sales", f"cn=north,ou=teams,{CORP}", f"cn=Ben,{staff}"),
        team("north", f"cn=sales,ou=teams,{CORP}", f"cn=Dora,{staff}", f"cn=Pc,{staff}"),
    ])  # fmt: skip


def with_matching(schema: str) -> str:
    """Let what an Active Directory finds people by be searched for: the schema that comes with slapd only names it."""
    rules = {
        "sAMAccountName": "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
        "userPrincipalName": "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
        "objectGUID": "EQUALITY octetStringMatch",
    }
    for name, rule in rules.items():
        schema = re.sub(rf"(NAME '{name}'\s)", rf"\1 {rule} ", schema)
    return schema


def prepare(folder: Path, identity: Identity, *, crowd: int, active_directory: bool = False) -> LdapServer:
    """Write configuration and content of a server into ``folder``, while nothing runs."""
    server = LdapServer(folder, identity, secrets.token_urlsafe(12))
    capability = f"dn:\nsupportedCapabilities: {ACTIVE_DIRECTORY}\n" if active_directory else ""
    (folder / "root.ldif").write_text(capability)
    text = CONFIG.format(modules=MODULES, schema=SCHEMA, folder=folder, identity=identity, service=SERVICE)
    if not active_directory:
        text = text.replace(f"rootDSE {folder}/root.ldif\n", "")
    for name, suffix in (("generic", BASE), ("corp", CORP)):
        (folder / name).mkdir()
        where = {"suffix": suffix, "folder": folder, "name": name, "password": server.secret, "service": SERVICE}
        text += DATABASE.format(**where)
    (folder / "slapd.conf").write_text(text)
    (folder / "msuser.schema").write_text(with_matching((SCHEMA / "msuser.schema").read_text()))
    for suffix, content in ((BASE, generic(crowd)), (CORP, corp())):
        (folder / "content.ldif").write_text(content)
        command = ["/usr/sbin/slapadd", "-q", "-f", str(folder / "slapd.conf"), "-b", suffix]
        done = subprocess.run(
            [*command, "-l", str(folder / "content.ldif")], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
    return server


@contextmanager
def running(*, crowd: int = 0, active_directory: bool = False) -> Iterator[LdapServer]:
    """Run a server with ``crowd`` people beside those with names until the block ends."""
    if not SLAPD.exists() or shutil.which("ldapmodify") is None:
        pytest.skip("no slapd and ldap-utils installed")
    with server_folder("slapd") as (folder, identity):
        server = prepare(folder, identity, crowd=crowd, active_directory=active_directory)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture(scope="session")
def crowded_ldap() -> Iterator[LdapServer]:
    """Run one server with 12 000 people for the whole session; nobody changes or stops it."""
    with running(crowd=CROWD) as server:
        yield server


@pytest.fixture
def ldap_server() -> Iterator[LdapServer]:
    """Run a server with a few people for one test, which may change, pause and kill it."""
    with running() as server:
        yield server


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
