"""OpenSSL's own judgement of a chain."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from otae.signing.certificates import pem


def verify(
    folder: Path,
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    root: x509.Certificate,
    *options: str,
) -> str:
    """Run ``openssl verify`` in its strict mode; return "" when it is content, else its words."""
    for name, data in (("root", pem(root)), ("chain", pem(*chain)), ("certificate", pem(certificate))):
        (folder / f"{name}.pem").write_bytes(data)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", "root.pem", *options]
    if chain:
        command += ["-untrusted", "chain.pem"]
    done = subprocess.run([*command, "certificate.pem"], cwd=folder, check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr + done.stdout
