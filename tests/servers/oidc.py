"""npm's oidc-provider as an identity provider in a process of its own, installed once from a lock file with hashes."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.servers.ports import free_port, listens, wait_until

#: Where package.json, its lock file and the program lie.
HERE = Path(__file__).parent / "oidc"
PARTS = ("package.json", "package-lock.json", "server.mjs")
CLIENT, SECRET = "otae", "s3same-street"


@dataclass(frozen=True)
class IdentityProvider:
    """A running provider. Its client CLIENT has SECRET; service accounts sign their assertions."""

    port: int

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/token"

    @property
    def service_account_url(self) -> str:
        """Where assertions are taken (RFC 7523)."""
        return f"{self.issuer}/service-account/token"

    def introspect(self, token: str) -> dict[str, object]:
        """Return what the provider knows of a token: "active", "scope" and so on (RFC 7662)."""
        form = {"token": token, "client_id": CLIENT, "client_secret": SECRET}
        answer = httpx2.post(f"{self.issuer}/token/introspection", data=form, trust_env=False)
        said: dict[str, object] = answer.raise_for_status().json()
        return said


def cache_folder() -> Path:
    """Return where this very version of the provider is installed, or will be."""
    content = b"".join((HERE / name).read_bytes() for name in PARTS)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "otae-tests" / f"oidc-{hashlib.sha256(content).hexdigest()[:16]}"


def install() -> str:
    """Install the provider where it is missing; return why that cannot be done, "" when it is there."""
    folder, npm = cache_folder(), shutil.which("npm")
    if folder.exists():
        return ""
    if npm is None or shutil.which("node") is None:
        return "node and npm are not installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = tempfile.mkdtemp(dir=folder.parent)
    for name in PARTS:
        shutil.copy(HERE / name, beside)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=beside, check=False, capture_output=True, text=True)
    try:
        if done.returncode == 0:
            Path(beside).rename(folder)
    except OSError:
        assert folder.exists(), "another process installed the same meanwhile, or nothing did"
    shutil.rmtree(beside, ignore_errors=True)
    return "" if folder.exists() else "npm could not install oidc-provider"


@contextmanager
def running(
    service_accounts: Mapping[str, str] | None = None, clients: Sequence[Mapping[str, object]] = (), lifetime: int = 600
) -> Iterator[IdentityProvider]:
    """Run a provider. ``service_accounts``: id → public key (PEM); ``clients``: further ones; ``lifetime``: seconds."""
    if why := install():
        pytest.skip(why)
    machine = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "response_types": [],
        "token_endpoint_auth_method": "client_secret_post",
    }
    port = free_port()
    config = {"port": port, "clients": [machine, *clients], "lifetime": lifetime}
    config |= {"serviceAccounts": dict(service_accounts or {})}
    node = shutil.which("node") or "node"
    command = [node, str(cache_folder() / "server.mjs")]
    away = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=away, stderr=away, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(config) + "\n")
        process.stdin.flush()
        try:
            wait_until(lambda: listens(port), "the identity provider")
            yield IdentityProvider(port)
        finally:
            process.terminate()
