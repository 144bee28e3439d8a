"""SCEP clients of other makers obtain a certificate, and none with a challenge that is not theirs."""

import shutil

import pytest

from otae.store.models import Certificate
from tests.clients.conftest import Office

pytestmark = pytest.mark.anyio


def program(name: str, package: str) -> str:
    """Find a client; skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


async def issued() -> int:
    return await Certificate.filter(purpose="mdm-identity").count()


async def scepclient(office: Office, challenge: str, *, check: bool = True) -> int:
    command = [program("scepclient", "scep"), "-private-key", "k.pem", "-certificate", "c.pem"]
    told = ["-server-url", office.url, "-challenge", challenge, "-cn", "ben", "-keySize", "2048"]
    return await office.run(*command, *told, check=check)


async def test_scepclient_obtains_a_certificate(office: Office) -> None:
    await scepclient(office, await office.challenge())
    await office.see_issued("c.pem")
    assert await issued() == 1


async def test_scepclient_is_refused_with_a_wrong_challenge(office: Office) -> None:
    assert await scepclient(office, "guessed", check=False) != 0
    assert not (office.folder / "c.pem").exists()
    assert await issued() == 0


async def strongswan(office: Office, challenge: str, cipher: str) -> None:
    pki = program("pki", "strongswan-pki, libstrongswan-standard-plugins, libstrongswan-extra-plugins")
    authority = [
        "--scepca",
        "--url",
        office.url,
        "--caout",
        "ca.pem",
        "--raout",
        "ra.pem",
        "--outform",
        "pem",
        "--force",
    ]
    await office.run(pki, *authority)
    shell = [f'"{pki}" --gen --type rsa --size 2048 --outform pem > k.pem']
    names = '--dn "C=US, O=otae, CN=ben"'
    trust = "--cacert-enc ra.pem --cacert-sig ra.pem --cacert ca.pem"
    wanted = f"--in k.pem {names} --password {challenge} {trust} --cipher {cipher} --digest sha256 --outform pem"
    shell.append(f'"{pki}" --scep --url {office.url} {wanted} > c.pem')
    await office.run("sh", "-c", " && ".join(shell))


@pytest.mark.parametrize("cipher", ["aes", "des3"])
async def test_strongswan_obtains_a_certificate(office: Office, cipher: str) -> None:
    await strongswan(office, await office.challenge(), cipher)
    await office.see_issued("c.pem")
    assert await issued() == 1


async def test_strongswan_is_refused_with_a_wrong_challenge(office: Office) -> None:
    with pytest.raises(RuntimeError):
        await strongswan(office, "guessed", "aes")
    assert await issued() == 0


#: $1: the SCEP URL, $2: the challenge, $3: the daemon. It asks for the CA's certificates by itself, some time later.
CERTMONGER = """
"$3" -s -n > log 2>&1 & daemon=$!
trap 'kill $daemon; wait $daemon' EXIT
wait_for() {
  n=0
  until getcert list-cas -s 2>&1 | grep -qi "$1"; do n=$((n+1)); [ $n -lt 200 ] || exit 3; sleep 0.1; done
}
wait_for "^CA "
getcert add-scep-ca -s -c otae -u "$1"
wait_for thumbprint
getcert request -s -c otae -I r1 -k "$PWD/k.pem" -f "$PWD/c.pem" -N "CN=ben,O=otae,C=US" -L "$2" -G rsa -g 2048 -w
getcert list -s > status
test -s c.pem
"""


async def certmonger(office: Office, challenge: str, *, check: bool = True) -> int:
    daemon = program("/usr/lib/certmonger/certmonger-session", "certmonger")
    session = program("dbus-run-session", "dbus")
    script = office.folder / "run.sh"
    script.write_text(CERTMONGER)
    folder = str(office.folder)
    clean = ["env", f"HOME={folder}", f"XDG_CONFIG_HOME={folder}", f"XDG_RUNTIME_DIR={folder}"]
    return await office.run(*clean, session, "--", "sh", str(script), office.url, challenge, daemon, check=check)


async def test_certmonger_obtains_a_certificate(office: Office) -> None:
    await certmonger(office, await office.challenge())
    await office.see_issued("c.pem")
    assert await issued() == 1


async def test_certmonger_is_refused_with_a_wrong_challenge(office: Office) -> None:
    assert await certmonger(office, "guessed", check=False) != 0
    # A refusal has no content (RFC 8894 §3.3), and certmonger reads no message without: to it, the CA is away.
    assert "status: CA_UNREACHABLE" in (office.folder / "status").read_text()
    assert await issued() == 0
    assert not (office.folder / "c.pem").exists()
    assert await issued() == 0
