"""Two processes, twenty requests at once, one challenge: one certificate, in every one of fifty rounds."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from otae.enrollment import issuance, sessions
from otae.settings import Settings
from otae.signing import csr, issuing, scep_client
from otae.signing.scep_client import ClientRequest
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Challenge, EnrollmentSession
from otae.store.states import SessionStatus
from tests.desks import MASTER_KEY
from tests.enrollment import lab
from tests.enrollment.scep_talk import issued

pytestmark = pytest.mark.anyio

ROUNDS, EACH, PROCESSES = 50, 20, 2
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Redeemer:
    """One running process of ``tests.enrollment.redeemer``."""

    process: "subprocess.Popen[str]"

    def send(self, requests: list[ClientRequest]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([base64.b64encode(one.data).decode() for one in requests]) + "\n")
        self.process.stdin.flush()

    def read(self) -> list[bytes]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process has ended"
        return [base64.b64decode(text) for text in json.loads(line)]


def environment(settings: Settings) -> dict[str, str]:
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    database_url = {"DATABASE_URL": url, "PUBLIC_URL": settings.public_url} if url else {}
    return {
        "PATH": os.environ["PATH"],
        "OTAE_HOME": str(settings.home),
        "OTAE_MASTER_KEYS": MASTER_KEY,
        **database_url,
    }


@contextmanager
def redeemers(settings: Settings) -> Iterator[list[Redeemer]]:
    command = [sys.executable, "-m", "tests.enrollment.redeemer"]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, env=environment(settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(PROCESSES)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield [Redeemer(process) for process in running]
    finally:
        for process in running:
            process.communicate(timeout=30)


async def rounds(desk: Desk) -> list[list[ClientRequest]]:
    """Make a session with its challenge for each round, and twenty different requests for it."""
    bag = list(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    signer, now = issuing.build_scep_signer(lab.key("temporary"), **lab.TERM), await database.now()
    made = []
    for _ in range(ROUNDS):
        session = await lab.signed_in(desk, now, way="profile")
        await EnrollmentSession.filter(id=session.id).update(status=SessionStatus.CONFIGURED)
        secret = await sessions.mint_challenge(session, sessions.MDM_IDENTITY, now=now, expires_at=session.expires_at)
        wish = csr.build(lab.key("identity"), "x", secret)
        made.append([scep_client.build_request(wish, signer, bag, transaction_id=f"T{n}") for n in range(EACH)])
    return made


@pytest.mark.slow
async def test_twenty_at_once_from_two_processes_get_one_certificate_in_fifty_rounds(desk: Desk) -> None:
    bag = list(scep_client.read_certificates(await issuance.ca_certificates(desk)))
    signer = issuing.build_scep_signer(lab.key("temporary"), **lab.TERM)
    winners = []
    half = EACH // PROCESSES
    prepared = await rounds(desk)
    with redeemers(desk.settings) as processes:
        for requests in prepared:
            shares = [requests[n * half : (n + 1) * half] for n in range(PROCESSES)]
            for process, share in zip(processes, shares, strict=True):
                process.send(share)
            replies = [
                scep_client.read_reply(answer, request, signer, bag)
                for process, share in zip(processes, shares, strict=True)
                for request, answer in zip(share, process.read(), strict=True)
            ]
            winners.append([reply.status for reply in replies].count("success"))
    assert winners == [1] * ROUNDS
    assert await issued() == ROUNDS
    assert await Challenge.filter(used_at__isnull=False).count() == ROUNDS
