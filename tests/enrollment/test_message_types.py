"""SCEP by message type: five are answered, two issue, and nothing falls through (CVE-2026-30836)."""

import pytest
from structlog.contextvars import get_contextvars

from otae.authority import issuers
from otae.enrollment import issuance
from otae.errors import MessageUnreadable, Refusal
from otae.signing import cms, csr, der, scep, scep_client
from otae.signing.certificates import Keyed
from otae.signing.envelopes import encrypt
from otae.signing.scep import FailInfo, MessageType
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Challenge
from tests.enrollment import lab
from tests.enrollment.lab import LabMac
from tests.enrollment.scep_talk import ask, configured, failed, issued
from tests.signing import forge

pytestmark = pytest.mark.anyio


def expected(number: int) -> tuple[str, FailInfo]:
    """Name the refusal of a message of this type around a request that would be granted as PKCSReq."""
    if number == MessageType.RENEWAL_REQ:
        return "signer-untrusted", FailInfo.BAD_MESSAGE_CHECK
    if number in (MessageType.GET_CERT_INITIAL, MessageType.GET_CERT, MessageType.GET_CRL):
        return "request-unreadable", FailInfo.BAD_CERT_ID
    return "message-type-refused", FailInfo.BAD_REQUEST


async def test_of_all_message_types_pkcsreq_alone_takes_a_first_challenge(desk: Desk) -> None:
    _, challenge = await configured(desk)
    _, signer, bag = await LabMac().request(desk, challenge)
    wish, now = csr.build(lab.key("identity"), "x", challenge), await database.now()
    for number in range(256):
        if number == MessageType.PKCS_REQ:
            continue
        request = scep_client.build_request(wish, signer, bag, transaction_id="T", message_type=number)
        reply = scep_client.read_reply(await issuance.answer(desk, request.data, now=now), request, signer, bag)
        code, fail_info = expected(number)
        assert (number, reply.status, reply.fail_info) == (number, "failure", fail_info)
        assert (number, get_contextvars()["refusal"]) == (number, code)
    assert await issued() == 0
    assert (await Challenge.get()).used_at is None
    request = scep_client.build_request(wish, signer, bag, transaction_id="T")
    assert (await ask(desk, (request, signer, bag))).status == "success"
    assert await issued() == 1


WRONG_TYPES = [
    [],
    [forge.text(scep.MESSAGE_TYPE, b"19"), forge.text(scep.MESSAGE_TYPE, b"19")],
    [forge.attribute(scep.MESSAGE_TYPE, der.encode(0x13, b"19"), der.encode(0x13, b"18"))],
    [forge.attribute(scep.MESSAGE_TYPE)],
    [forge.attribute(scep.MESSAGE_TYPE, der.integer(19))],
    [forge.text(scep.MESSAGE_TYPE, b"19", der.UTF8_STRING)],
    [forge.text(scep.MESSAGE_TYPE, b"19", der.IA5_STRING)],
    [forge.text(scep.MESSAGE_TYPE, b"19 ")],
    [forge.text(scep.MESSAGE_TYPE, b"019")],
    [forge.text(scep.MESSAGE_TYPE, b"")],
]


async def test_an_absent_doubled_or_mistyped_message_type_issues_nothing(desk: Desk) -> None:
    _, challenge = await configured(desk)
    ra, now = (await issuers.keyed(desk, "ra")).certificate, await database.now()
    _, signer, _ = await LabMac().request(desk, challenge)
    envelope = encrypt(csr.build(lab.key("identity"), "x", challenge), ra, "aes-128-cbc")
    rest = [forge.text(scep.TRANSACTION_ID, b"T"), forge.attribute(scep.SENDER_NONCE, der.octets(b"12345678"))]
    for types in WRONG_TYPES:
        info = forge.signer_info(signer, envelope, [*forge.standard(envelope), *types, *rest])
        with pytest.raises(MessageUnreadable):
            await issuance.answer(desk, forge.message(envelope, [info], [signer.certificate]), now=now)
    assert await issued() == 0
    assert (await Challenge.get()).used_at is None


async def test_a_first_challenge_is_no_renewal_whoever_signs(desk: Desk) -> None:
    _, challenge = await configured(desk)
    mac = LabMac()
    _, _, bag = await mac.request(desk, None)
    strangers = [lab.device_certificate("a Mac"), await issuers.keyed(desk, "ra")]
    for signer in strangers:
        wish = csr.build(lab.key("renewed"), "x", challenge)
        request = scep_client.build_request(wish, signer, bag, message_type=MessageType.RENEWAL_REQ)
        await failed(desk, (request, signer, bag), "signer-untrusted", FailInfo.BAD_MESSAGE_CHECK)
    identity = await mac.identity(desk, challenge, await database.now())
    for secret in (None, challenge):
        wish = csr.build(lab.key("renewed"), "x", secret)
        request = scep_client.build_request(wish, identity, bag, message_type=MessageType.RENEWAL_REQ)
        await failed(desk, (request, identity, bag), "challenge-unknown")


async def test_md5_and_other_digests_of_the_outer_message_are_answered_by_nobody(desk: Desk) -> None:
    await configured(desk)
    signer = lab.device_certificate("a Mac")
    for name in ("md5", "sha224"):
        message = forge.signed(signer, b"x", name=name)
        with pytest.raises(Refusal) as caught:
            await issuance.answer(desk, message, now=await database.now())
        assert caught.value.code == "algorithm-refused"


async def test_algorithms_inside_the_envelope_are_bad_requests_like_all_inside(desk: Desk) -> None:
    _, challenge = await configured(desk)
    _, signer, bag = await LabMac().request(desk, challenge)
    wish = csr.build(lab.key("identity"), "x", challenge)
    md5 = wish.replace(der.oid("1.2.840.113549.1.1.11"), der.oid("1.2.840.113549.1.1.4"))
    assert md5 != wish
    request = scep_client.build_request(md5, signer, bag, transaction_id="T")
    await failed(desk, (request, signer, bag), "request-unreadable", FailInfo.BAD_REQUEST)


def broken(ra: Keyed, wish: bytes) -> dict[str, bytes]:
    """Give envelopes that fail in five ways, one later than the other."""
    good = encrypt(wish, ra.certificate, "aes-128-cbc")
    stranger = lab.device_certificate("a Mac").certificate
    key_at = good.index(der.octets(b"\0" * 256)[:4]) + 4
    return {
        "no envelope": cms.content_info("1.2.840.113549.1.7.3", b""),
        "for somebody else": encrypt(wish, stranger, "aes-128-cbc"),
        "a wrong key": good[:key_at] + bytes(255) + b"\x02" + good[key_at + 256 :],
        "a wrong padding": good[:-1] + bytes([good[-1] ^ 1]),
        "no request inside": encrypt(b"no request", ra.certificate, "aes-128-cbc"),
    }


async def test_every_kind_of_broken_envelope_gets_the_same_answer(desk: Desk) -> None:
    await configured(desk)
    ra = await issuers.keyed(desk, "ra")
    _, signer, bag = await LabMac().request(desk, None)
    answers = {}
    for kind, envelope in broken(ra, csr.build(lab.key("identity"), "x", "0" * 40)).items():
        attributes = [
            *forge.standard(envelope),
            forge.text(scep.MESSAGE_TYPE, b"19"),
            forge.text(scep.TRANSACTION_ID, b"T"),
            forge.attribute(scep.SENDER_NONCE, der.octets(b"12345678")),
        ]
        info = forge.signer_info(signer, envelope, attributes)
        data = forge.message(envelope, [info], [signer.certificate])
        answer = await issuance.answer(desk, data, now=await database.now())
        request = scep_client.ClientRequest(data, "T", b"12345678")
        reply = scep_client.read_reply(answer, request, signer, bag)
        answers[kind] = (len(answer), reply.status, reply.fail_info)
    assert len(answers) == 5
    assert len(set(answers.values())) == 1, answers
    assert {answer[1:] for answer in answers.values()} == {("failure", FailInfo.BAD_REQUEST)}
    assert await issued() == 0
