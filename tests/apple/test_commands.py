"""Commands and answers: what we send fits Apple's schemas, what Macs answered is understood."""

import base64
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.apple import commands, plist
from otae.apple.commands import CommandAnswer, CommandError, Status
from otae.errors import CheckinUnreadable, PlistUnreadable, Refusal
from tests.apple import schema
from tests.reference import reference

UUID = "0D1E2F30-0000-4000-8000-000000000001"
UDID = "4D5E6F70-1122-5334-8455-66778899AABB"

SENT = {
    "information.security": commands.security_info(UUID),
    "information.device": commands.device_information(UUID),
    "profile.list": commands.profile_list(UUID),
    "certificate.list": commands.certificate_list(UUID),
    "profile.install": commands.install_profile(UUID, b"\x30\x80profile"),
    "profile.remove": commands.remove_profile(UUID, "org.example.otae.enroll"),
}


def answer(status: str = "Acknowledged", **keys: object) -> bytes:
    message = {"UDID": UDID, "Status": status, "CommandUUID": UUID, **keys}
    return plist.dumps({key: value for key, value in message.items() if value is not None})


@pytest.mark.parametrize(("name", "sent"), SENT.items(), ids=SENT.keys())
def test_every_command_fits_the_schemas_of_apple(name: str, sent: bytes) -> None:
    assert schema.command_findings(sent, name) == []


def test_a_command_carries_its_uuid_and_its_keys() -> None:
    assert plist.loads(SENT["profile.install"]) == {
        "CommandUUID": UUID,
        "Command": {"RequestType": "InstallProfile", "Payload": b"\x30\x80profile"},
    }
    assert plist.loads(commands.device_information(UUID, ["UDID"]))["Command"] == {
        "RequestType": "DeviceInformation",
        "Queries": ["UDID"],
    }


def test_idle_names_no_command() -> None:
    assert commands.parse_status(answer("Idle", CommandUUID=None)) == CommandAnswer(UDID, Status.IDLE)


@pytest.mark.parametrize("status", ["Acknowledged", "Error", "CommandFormatError", "NotNow"])
def test_every_other_status_names_its_command(status: str) -> None:
    read = commands.parse_status(answer(status))
    assert (read.status, read.command_uuid) == (Status(status), UUID)
    with pytest.raises(CheckinUnreadable):
        commands.parse_status(answer(status, CommandUUID=None))


def test_an_error_chain_is_read_in_order_and_in_english() -> None:
    chain = [
        {
            "ErrorCode": 12021,
            "ErrorDomain": "MCMDMErrorDomain",
            "LocalizedDescription": "Unbekannt",
            "USEnglishDescription": "Unknown\ncommand",
        },
        {"ErrorCode": -5, "ErrorDomain": "b"},
    ]
    assert commands.parse_status(answer("Error", ErrorChain=chain)).error_chain == (
        CommandError(12021, "MCMDMErrorDomain", "Unknown command"),
        CommandError(-5, "b", ""),
    )


@pytest.mark.parametrize(
    "chain",
    [
        "text",
        ["text"],
        [{}],
        [{"ErrorCode": "1", "ErrorDomain": "a"}],
        [{"ErrorCode": True, "ErrorDomain": "a"}],
        [{"ErrorCode": 1, "ErrorDomain": "a"}] * 33,
    ],
)
def test_an_odd_error_chain_is_refused(chain: object) -> None:
    with pytest.raises(CheckinUnreadable):
        commands.parse_status(answer("Error", ErrorChain=chain))


@pytest.mark.parametrize("told", [{}, {"ErrorDomain": 2}, {"ErrorDomain": "\n", "LocalizedDescription": 3}])
def test_an_error_that_says_little_is_an_error(told: dict[str, object]) -> None:
    (error,) = commands.parse_status(answer("Error", ErrorChain=[{"ErrorCode": 1, **told}])).error_chain
    assert (error.code, error.domain, error.description) == (1, "unknown", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "Done"},
        {"status": ""},
        {"UDID": "x' OR 1=1--"},
        {"UDID": None},
        {"CommandUUID": "a b"},
        {"CommandUUID": 7},
        {"CommandUUID": "a" * 65},
        {"UserID": "<b>"},
    ],
)
def test_an_answer_out_of_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(CheckinUnreadable):
        commands.parse_status(answer(**changes))


def test_an_answer_must_be_xml() -> None:
    with pytest.raises(PlistUnreadable):
        commands.parse_status(b"")


def test_the_results_are_everything_else() -> None:
    read = commands.parse_status(answer(QueryResponses={"OSVersion": "15.1"}, UserID="ben", ErrorChain=[]))
    assert dict(read.results) == {"QueryResponses": {"OSVersion": "15.1"}}
    assert read.user_id == "ben"


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ({"ManagementStatus": {"UserApprovedEnrollment": True}}, True),
        ({"ManagementStatus": {"UserApprovedEnrollment": False}}, False),
        ({"ManagementStatus": {"UserApprovedEnrollment": 1}}, None),
        ({"ManagementStatus": []}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_user_approval_is_told_or_unknown(security: object, expected: bool | None) -> None:
    assert commands.user_approved(commands.parse_status(answer(SecurityInfo=security))) is expected


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([{"PayloadIdentifier": "a"}, {"PayloadIdentifier": "b"}], ("a", "b")),
        ([{"PayloadIdentifier": 7}, "x", {}], ()),
        ({}, ()),
        (None, ()),
    ],
)
def test_the_installed_profiles_are_named(profiles: object, expected: tuple[str, ...]) -> None:
    assert commands.profile_identifiers(commands.parse_status(answer(ProfileList=profiles))) == expected


@pytest.mark.parametrize(
    ("path", "status", "result"),
    [
        ("CertificateList-10.11.x", Status.ACKNOWLEDGED, "CertificateList"),
        ("DeviceInformation-macOS-10.13.1", Status.ACKNOWLEDGED, "QueryResponses"),
        ("ProfileList-10.11.x", Status.ACKNOWLEDGED, "ProfileList"),
        ("SecurityInfo-macOS-10.13.1", Status.ACKNOWLEDGED, "SecurityInfo"),
        ("Errors-10.13.6-invalid-command", Status.ERROR, None),
        ("Errors-iOS-11.3.1-CommandFormatError", Status.COMMAND_FORMAT_ERROR, None),
        ("NotNow-iOS-11.3.1", Status.NOT_NOW, None),
    ],
)
def test_recorded_answers_are_read(path: str, status: Status, result: str | None) -> None:
    read = commands.parse_status(reference(f"captures/results/{path}.xml").read_bytes())
    assert read.status is status
    assert list(read.results) == ([result] if result else [])
    if status is Status.ERROR:
        assert read.error_chain[0].code == 12021


def test_the_body_of_a_recorded_signature_is_an_idle_mac() -> None:
    body = base64.b64decode(reference("captures/mdm-signature/2.body.b64").read_bytes())
    assert commands.parse_status(body).status is Status.IDLE


def test_the_profiles_of_a_real_mac_are_named() -> None:
    read = commands.parse_status(reference("captures/results/ProfileList-10.11.x.xml").read_bytes())
    assert commands.profile_identifiers(read)


anything = st.one_of(
    st.booleans(),
    st.integers(0, 9),
    st.binary(max_size=9),
    st.lists(st.dictionaries(st.just("ErrorCode"), st.integers(0, 9))),
)
keys = st.sampled_from(["UDID", "CommandUUID", "ErrorChain", "UserID", "SecurityInfo", "ProfileList"])


@given(st.dictionaries(keys, anything, max_size=4))
def test_nothing_but_a_refusal_escapes(changes: dict[str, object]) -> None:
    with suppress(Refusal):
        read = commands.parse_status(answer("Acknowledged", **changes))
        assert commands.user_approved(read) is None
        assert commands.profile_identifiers(read) == ()
