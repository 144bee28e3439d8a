"""OpenSSL as the second judge."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from otae.signing.certificates import Keyed, dump_key, pem


def run(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=check)


def accepts(message: bytes, folder: Path, detached: bytes | None = None) -> bytes | None:
    """The content when openssl finds the signature right, whoever the signer is; else None."""
    written, out = folder / "message.der", folder / "out"
    written.write_bytes(message)
    arguments: list[str | Path] = ["-in", written, "-out", out]
    if detached is not None:
        (folder / "content").write_bytes(detached)
        arguments += ["-content", folder / "content"]
    done = run("cms", "-verify", "-binary", "-noverify", "-inform", "DER", *arguments, check=False)
    return out.read_bytes() if done.returncode == 0 else None


def trusts(message: bytes, folder: Path, roots: Sequence[x509.Certificate]) -> bytes:
    """The content when openssl finds the signature right and the signer under ``roots``."""
    written, out, store = folder / "message.der", folder / "out", folder / "roots.pem"
    written.write_bytes(message)
    store.write_bytes(pem(*roots))
    judge = ("cms", "-verify", "-binary", "-purpose", "any", "-no_check_time", "-inform", "DER")
    run(*judge, "-CAfile", store, "-in", written, "-out", out)
    return out.read_bytes()


def decrypts(message: bytes, folder: Path, recipient: Keyed) -> bytes:
    written, out, key, certificate = folder / "sealed.der", folder / "opened", folder / "key.der", folder / "cert.pem"
    written.write_bytes(message)
    key.write_bytes(dump_key(recipient.key))
    certificate.write_bytes(pem(recipient.certificate))
    told = ("-inkey", key, "-keyform", "DER", "-recip", certificate, "-in", written, "-out", out)
    run("cms", "-decrypt", "-binary", "-inform", "DER", *told)
    return out.read_bytes()
