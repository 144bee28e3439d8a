"""A real OpenLDAP server with TLS, 12 000 people, and an Active Directory's attributes in a second tree."""

import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.ldap_trees import BASE, CORP, SERVICE, corp, generic
from tests.servers.ports import Identity, free_port, listens, send_signal, server_folder, wait_until

SLAPD = Path("/usr/sbin/slapd")
SCHEMA = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
CROWD, NESTED = 12_000, 1_000
ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"

CONFIG = """
modulepath {modules}
moduleload back_mdb
moduleload back_sock
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
include {schema}/nis.schema
include {folder}/msuser.schema
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'supportedCapabilities' SYNTAX 1.3.6.1.4.1.1466.115.121.1.38 )
objectclass ( 1.3.6.1.4.1.99999.2 NAME 'securityPrincipal' SUP top AUXILIARY
  MAY ( sAMAccountName $ objectGUID $ objectSid $ primaryGroupID ) )
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
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def ca_pem(self) -> str:
        """Give the certificate of the authority that vouches for it."""
        return self.identity.ca_file.read_text()

    def start(self, *, tls: bool = True) -> None:
        """Run it until it listens; everything it is asked goes into its log."""
        urls = f"ldap://{self.host}:{self.port}" + (f" ldaps://{self.host}:{self.tls_port}" if tls else "")
        with (self.folder / "log").open("ab") as log:
            command = [str(SLAPD), "-f", str(self.folder / "slapd.conf"), "-h", urls, "-d", "stats"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: self._ended() or listens(self.port, self.host), "slapd")
        if self._ended():
            raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP and SIGCONT pause it and let it go on."""
        assert self.process is not None
        send_signal(self.process, number)

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
        where = ["-x", "-H", f"ldap://{self.host}:{self.port}", "-D", f"cn=root,{base}", "-w", self.secret]
        subprocess.run(["ldapmodify", *where], input=ldif, text=True, check=True, capture_output=True)

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None


def with_matching(schema: str, *, loosely: bool = False) -> str:
    """Let what an Active Directory finds people by be searched for: the schema that comes with slapd only names it.

    ``loosely``: user names are compared as telephone numbers are, without spaces and hyphens, as an Active Directory
    compares without accents.
    """
    rules = {
        "sAMAccountName": "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
        "userPrincipalName": "EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch",
        "objectGUID": "EQUALITY octetStringMatch",
        "primaryGroupID": "EQUALITY integerMatch",
    }
    for name, rule in rules.items():
        schema = re.sub(rf"(NAME '{name}'\s)", rf"\1 {rule} ", schema)
    if loosely:
        exact, loose = "caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch", "telephoneNumberMatch"
        before, found, after = schema.partition("NAME 'sAMAccountName'")
        after = after.replace(exact, loose, 1).replace(".121.1.15'", ".121.1.50'", 1)
        schema = before + found + after
    return schema


def prepare(
    folder: Path,
    identity: Identity,
    trees: Mapping[str, str],
    *,
    active_directory: bool = False,
    beside: str = "",
    loosely: bool = False,
) -> LdapServer:
    """Write configuration and content of a server into ``folder``, while nothing runs."""
    server = LdapServer(folder, identity, secrets.token_urlsafe(12))
    capability = f"dn:\nsupportedCapabilities: {ACTIVE_DIRECTORY}\n" if active_directory else ""
    (folder / "root.ldif").write_text(capability)
    text = CONFIG.format(modules=MODULES, schema=SCHEMA, folder=folder, identity=identity, service=SERVICE)
    if not active_directory:
        text = text.replace(f"rootDSE {folder}/root.ldif\n", "")
    for number, suffix in enumerate(trees):
        (folder / f"tree-{number}").mkdir()
        where = {"suffix": suffix, "folder": folder, "name": f"tree-{number}", "password": server.secret}
        text += DATABASE.format(**where, service=SERVICE)
    (folder / "slapd.conf").write_text(text + beside)
    (folder / "msuser.schema").write_text(with_matching((SCHEMA / "msuser.schema").read_text(), loosely=loosely))
    for suffix, content in trees.items():
        (folder / "content.ldif").write_text(content)
        command = ["/usr/sbin/slapadd", "-q", "-f", str(folder / "slapd.conf"), "-b", suffix]
        done = subprocess.run(
            [*command, "-l", str(folder / "content.ldif")], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
    return server


@contextmanager
def running(
    *,
    crowd: int = 0,
    trees: Mapping[str, str] | None = None,
    active_directory: bool = False,
    beside: str = "",
    loosely: bool = False,
    host: str = "127.0.0.1",
    port: int | None = None,
) -> Iterator[LdapServer]:
    """Run a server with ``crowd`` people beside those with names until the block ends.

    ``trees``: what it holds instead of the Active Directory's tree, by suffix. ``beside``: what its configuration says
    at the end, about the last tree. ``loosely``: as `with_matching`.
    """
    if not SLAPD.exists() or shutil.which("ldapmodify") is None:
        pytest.skip("no slapd and ldap-utils installed")
    held = {BASE: generic(crowd), **({CORP: corp()} if trees is None else trees)}
    with server_folder("slapd") as (folder, identity):
        server = prepare(folder, identity, held, active_directory=active_directory, beside=beside, loosely=loosely)
        server.host, server.port = host, port or server.port
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
