"""What tests of SCEP share: a session with its challenge, asking, and being refused in the protocol."""

from datetime import datetime

from cryptography import x509
from structlog.contextvars import get_contextvars

from otae.enrollment import issuance, profiles
from otae.signing import scep_client
from otae.signing.certificates import Keyed
from otae.signing.scep import FailInfo
from otae.signing.scep_client import ClientRequest, ScepReply
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Certificate, EnrollmentSession, Event
from tests.enrollment import lab

Asked = tuple[ClientRequest, Keyed, list[x509.Certificate]]


async def configured(desk: Desk, who: str = "ben") -> tuple[EnrollmentSession, str]:
    """Open a session of the profile way and download; returns the SCEP challenge."""
    now = await database.now()
    session = await lab.signed_in(desk, now, who, way="profile")
    return session, lab.challenge_of(await profiles.single_profile(desk, session, now=now))


async def ask(desk: Desk, asked: Asked, now: datetime | None = None) -> ScepReply:
    request, signer, bag = asked
    answer = await issuance.answer(desk, request.data, now=now or await database.now())
    return scep_client.read_reply(answer, request, signer, bag)


async def failed(desk: Desk, asked: Asked, code: str, fail_info: FailInfo = FailInfo.BAD_REQUEST) -> None:
    """Ask for what must be refused in a signed reply, recorded, and without a certificate."""
    before = await issued()
    reply = await ask(desk, asked)
    assert (reply.status, reply.fail_info, reply.certificate) == ("failure", fail_info, None)
    assert await issued() == before
    said = get_contextvars()
    assert said["refusal"] == code
    event = await Event.filter(kind="refused", support_code=said["support_code"]).order_by("-id").first()
    assert event is None or event.code == code


async def issued() -> int:
    return await Certificate.filter(purpose__in=("ota-identity", "mdm-identity")).count()
