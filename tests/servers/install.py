"""Install the servers and programs the tests talk to, where that is possible: ``python -m tests.servers.install``.

On a machine with apt-get and as root, what is missing is installed. Elsewhere it is only named: the bundled PostgreSQL
and Redis stand in, and a test whose program is missing says so.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.servers import oidc
from tests.servers.browser import find_chromium
from tests.servers.pgbouncer import pgbouncer_program
from tests.servers.postgres import system_binaries
from tests.servers.slapd import SLAPD

APT_GET = "/usr/bin/apt-get"
#: Where strongSwan keeps what `pki` loads.
PLUGINS = Path("/usr/lib/ipsec/plugins")


def missing_packages() -> list[str]:
    """Name the Debian packages whose programs are not here yet."""
    present = {
        "postgresql": system_binaries() is not None,
        "pgbouncer": pgbouncer_program() is not None,
        "redis-server": any(Path(folder, "redis-server").exists() for folder in ("/usr/bin", "/usr/local/bin")),
        "chromium": find_chromium() is not None,
        "scep": shutil.which("scepclient") is not None,
        "openssl": shutil.which("openssl") is not None,
        "strongswan-pki": shutil.which("pki") is not None,
        "libstrongswan-standard-plugins": any(PLUGINS.glob("libstrongswan-openssl.so")),
        "libstrongswan-extra-plugins": any(PLUGINS.glob("libstrongswan-curl.so")),
        "certmonger": Path("/usr/lib/certmonger/certmonger-session").exists(),
        "slapd": SLAPD.exists(),
        "ldap-utils": shutil.which("ldapmodify") is not None,
        "dbus": shutil.which("dbus-run-session") is not None,
        "nodejs": shutil.which("node") is not None,
        "npm": shutil.which("npm") is not None,
    }
    return [package for package, here in present.items() if not here]


def apt_get(*arguments: str) -> bool:
    """Run apt-get without a word (it would name the mirrors it asks); say whether it succeeded."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = subprocess.DEVNULL
    return (
        subprocess.run([APT_GET, *arguments], check=False, env=environment, stdout=quiet, stderr=quiet).returncode == 0
    )


def main() -> None:
    """Install what is missing, or name it."""
    missing = missing_packages()
    if missing and os.getuid() == 0 and Path(APT_GET).exists():
        sys.stdout.write(f"Installing for the tests: {', '.join(missing)}\n")
        sys.stdout.flush()
        if not (apt_get("update") and apt_get("install", "--yes", "--no-install-recommends", *missing)):
            sys.stdout.write("apt-get did not succeed.\n")
        missing = missing_packages()
    if why := oidc.install():
        missing.append(f"oidc-provider ({why})")
    if missing:
        sys.stdout.write(f"Not installed, some tests will do without: {', '.join(missing)}\n")


if __name__ == "__main__":
    main()
