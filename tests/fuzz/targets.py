"""What is fuzzed: each target feeds bytes to one reader, and nothing but a Refusal may come out of it.

A target also holds what a reader promises about its result, so that a wrong value is found as well as a crash.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

from otae.apple import checkin, commands, ota, plist
from otae.apple.plist_checks import MAX_DEPTH, MAX_ITEMS
from otae.errors import Refusal
from otae.signing import cms, csr, der, scep
from tests.fuzz import cast, mails, people, proxies
from tests.signing import forge

REFUSALS = contextlib.suppress(Refusal)


@dataclass(frozen=True)
class Target:
    """One reader. ``read`` raises only when something is wrong; ``seeds`` makes good input; ``most``: its byte cap.

    ``of_values``: good input is DER, so that changes that keep its shape get further.
    """

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    most: int = der.MAX_BYTES
    of_values: bool = False


def read_der(data: bytes) -> None:
    """DER stays as it is, and is no longer than what its headers may grow."""
    with REFUSALS:
        written = der.to_der(data)
        assert der.to_der(written) == written
        assert len(written) <= 2 * len(data) + 16


def read_cms(data: bytes) -> None:
    """A message that verifies holds its content; both kinds of policy, attached and detached.

    The three begin with the same step, which is the longest: it is done once.
    """
    with REFUSALS:
        first_step = der.to_der(data)
        with patch.object(cms, "to_der", lambda *_read, **_caps: first_step):
            for policy in (cms.Policy(), cms.Policy(allow_sha1=True, attributes="optional", absent_is_empty=True)):
                with REFUSALS:
                    assert len(cms.verify(data, policy=policy).content) <= len(data)
            with REFUSALS:
                assert len(cms.claimed_content(data, max_bytes=der.MAX_BYTES)) <= len(data)
            with REFUSALS:
                content = forge.PLIST
                assert cms.verify(data, detached=content, policy=cms.Policy(attributes="optional")).content == content


def read_scep(data: bytes) -> None:
    """A request whose outer signature fits has a type that is a number, an id and a nonce in their bounds."""
    with REFUSALS:
        opened = scep.open_message(data)
        assert 0 <= opened.message_type <= 999
        assert 1 <= len(opened.transaction_id) <= 128
        assert 1 <= len(opened.sender_nonce) <= 64


def read_believed(data: bytes) -> None:
    """What lies behind the signature is read as carefully as what lies before it: here every signature fits."""
    with patch.object(cms, "check_signature", lambda *_signed: None):
        read_scep(data)


def read_envelope(data: bytes) -> None:
    """What an envelope holds is no longer than the envelope."""
    with REFUSALS:
        opened = scep.OpenedMessage(19, "1", hashlib.sha256(b"").digest(), cast.cast().mac.certificate, "sha256", data)
        message = scep.unwrap(opened, cast.cast().ra, allow_sha1=False, allow_des3=True)
        assert len(message.inner) <= len(data)


def read_request(data: bytes) -> None:
    """A request that is taken has a key of the sizes that are taken."""
    with REFUSALS:
        csr.check_key(csr.parse(data).public_key)


def read_plist(data: bytes) -> None:
    """What was read can be counted within the caps."""
    for binary in (False, True):
        with REFUSALS:
            assert count(plist.loads(data, binary=binary)) <= 2 * MAX_ITEMS


def count(value: object, depth: int = 1) -> int:
    """Count a property list's values and keys; deeper than the cap is an error."""
    assert depth <= MAX_DEPTH + 1
    if isinstance(value, dict):
        return 1 + sum(1 + count(item, depth + 1) for item in value.values())
    if isinstance(value, list):
        return 1 + sum(count(item, depth + 1) for item in value)
    return 1


def read_checkin(data: bytes) -> None:
    """A check-in is one of the known messages."""
    with REFUSALS:
        assert type(checkin.parse(data)).__name__ in cast.MESSAGES


def read_answer(data: bytes) -> None:
    """An answer has one of the known statuses."""
    with REFUSALS:
        assert commands.parse_status(data).status in commands.Status


def read_attributes(data: bytes) -> None:
    """Device attributes have their forms; the Challenge alone is the one that is read with them."""
    challenge = ota.claimed_challenge(data)
    with REFUSALS:
        read = ota.parse_device_attributes(data)
        assert read.udid.isascii()
        assert read.serial.isascii()
        assert read.challenge == challenge
        assert len(read.product) <= 64


def read_query(data: bytes) -> None:
    """The message of a query is within the cap."""
    with REFUSALS:
        assert len(scep.message_from_query(data)) <= der.MAX_BYTES


TARGETS: dict[str, Target] = {
    "der": Target(read_der, cast.der_values, of_values=True),
    "cms": Target(read_cms, cast.cms_messages, of_values=True),
    "scep": Target(read_scep, cast.scep_messages, of_values=True),
    "believed": Target(read_believed, cast.scep_messages, of_values=True),
    "envelope": Target(read_envelope, cast.envelopes, of_values=True),
    "csr": Target(read_request, cast.requests, of_values=True),
    "plist": Target(read_plist, cast.plists, plist.MAX_BYTES),
    "checkin": Target(read_checkin, cast.checkins, plist.MAX_BYTES),
    "answer": Target(read_answer, cast.answers, plist.MAX_BYTES),
    "attributes": Target(read_attributes, cast.attributes),
    "query": Target(read_query, cast.queries, 4 * der.MAX_BYTES),
    "people": Target(people.read_people, people.files),
    "bounces": Target(mails.read_bounce, mails.reports),
    "lmtp": Target(mails.read_lmtp, mails.conversations),
    "forwarded": Target(proxies.read_header, proxies.headers),
}
