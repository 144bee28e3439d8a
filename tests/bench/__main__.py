"""`make bench`: each row runs a piece of the product and its floor in turn, and prints the ratio of their CPU times.

The floor is the cryptography that the piece cannot do without, called bare. Machines differ and drift; the ratio of two
things measured in turn says more than either. docs/performance.md keeps what was measured, with date and command.
"""

import asyncio
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from otae.authority import issuers
from otae.enrollment import issuance, sessions
from otae.signing import cms, csr, issuing, scep, scep_client
from otae.signing.certificates import Keyed
from otae.store import database, keyring
from otae.store.desk import Desk, SilentBell
from otae.store.states import SessionStatus
from tests.bench.delivery import main as beside_a_bare_loop
from tests.bench.names import main as beside_one_another
from tests.bench.paint import main as on_a_slow_line
from tests.bench.scep import main as beside_scepserver
from tests.desks import make_settings, prepare
from tests.enrollment import lab

#: In the group that is invited: see tests/bench/delivery.py.
PEOPLE = 10_000
ROUNDS = 9
EACH = 40

Work = Callable[[], Awaitable[object]]


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison: `piece` is ours, `floor` what it cannot do without."""

    name: str
    piece: Work
    floor: Work


async def cost(work: Work) -> float:
    """Return the CPU seconds of one call, averaged over EACH calls."""
    begin = time.process_time()
    for _ in range(EACH):
        await work()
    return (time.process_time() - begin) / EACH


async def measure(row: Row) -> str:
    """Measure a row in turn and return its line."""
    pairs = [(await cost(row.piece), await cost(row.floor)) for _ in range(ROUNDS)]
    ratios = sorted(piece / floor for piece, floor in pairs)
    piece, floor = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    return f"| {row.name} | {piece:.2f} ms | {floor:.2f} ms | {statistics.median(ratios):.2f} ({spread}) |"


def bare_signature(keyed: Keyed, content: bytes) -> Work:
    """Return the floor of every signature: RSA-2048 over SHA-256, nothing around it."""

    async def sign() -> bytes:
        return keyed.key.sign(content, padding.PKCS1v15(), hashes.SHA256())

    return sign


async def profile_row(desk: Desk) -> Row:
    """Sign a profile of 6 KB beside a bare signature."""
    signer, chain = await issuers.keyed(desk, "profile-signer"), await issuers.chain("profile-signer")
    content = b"<?xml" + b"x" * 6000

    async def sign() -> bytes:
        return cms.sign(content, signer, chain)

    return Row("sign a 6 KB profile / a bare RSA signature", sign, bare_signature(signer, content))


async def scep_row(desk: Desk) -> Row:
    """Answer a PKIOperation with everything stored, beside the same cryptography and nothing stored."""
    now = await database.now()
    ra, device_ca = await issuers.keyed(desk, "ra"), await issuers.keyed(desk, "device-ca")
    bag = scep_client.read_certificates(await issuance.ca_certificates(desk))
    temporary = issuing.build_scep_signer(lab.key("temporary"), **lab.TERM)
    identity = lab.key("identity")

    def request(challenge: str) -> bytes:
        wish = csr.build(identity, "x", challenge)
        return scep_client.build_request(wish, temporary, bag).data

    async def challenge() -> str:
        session = await lab.signed_in(desk, now, way="profile")
        await session.filter(id=session.id).update(status=SessionStatus.CONFIGURED)
        return await sessions.mint_challenge(session, sessions.MDM_IDENTITY, now=now, expires_at=session.expires_at)

    waiting = [request(await challenge()) for _ in range(ROUNDS * EACH)]
    same = request("floor")
    later = now + timedelta(seconds=1)

    async def whole() -> bytes:
        return await issuance.answer(desk, waiting.pop(), now=later)

    async def bare() -> bytes:
        message = scep.unwrap(scep.open_message(same), ra, allow_sha1=True, allow_des3=True)
        subject = temporary.certificate.subject
        leaf = issuing.build_identity(identity.public_key(), subject, device_ca, serial=1, **lab.TERM)
        return scep.cert_rep_success(message, leaf, ra)

    return Row("PKIOperation, stored on SQLite / parsing, signing and sealing alone", whole, bare)


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings(Path(folder))
        await prepare(settings)
        async with database.connected(settings):
            desk = Desk(settings, await keyring.open_vault(settings), SilentBell())
            sys.stdout.write("| piece / floor | piece | floor | ratio, median (spread) |\n|---|---|---|---|\n")
            for make_row in (profile_row, scep_row):
                sys.stdout.write(await measure(await make_row(desk)) + "\n")
    sys.stdout.write("\n")
    await beside_scepserver()
    sys.stdout.write("\n")
    await beside_a_bare_loop(PEOPLE)
    sys.stdout.write("\n")
    await beside_one_another()
    sys.stdout.write("\n")
    await on_a_slow_line()


asyncio.run(main())
