"""Check-ins: what real Macs sent is understood, what is out of form is refused, secrets do not print."""

import json
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.apple import checkin, plist
from otae.apple.checkin import (
    Authenticate,
    CheckOut,
    DeclarativeManagement,
    GetBootstrapToken,
    GetToken,
    SetBootstrapToken,
    TokenUpdate,
    UserAuthenticate,
)
from otae.errors import CheckinUnreadable, PlistUnreadable, Refusal, TooLarge
from tests.apple import schema
from tests.reference import reference

UDID = "4D5E6F70-1122-5334-8455-66778899AABB"
TOPIC = "com.apple.mgmt.External.0f1e"
PERSON = {"UserID": "A1B2C3D4-0000-4000-8000-000000000001", "UserShortName": "ben", "UserLongName": "Ben Baker"}

MESSAGES: dict[str, Mapping[str, object]] = {
    "Authenticate": {
        "Topic": TOPIC,
        "UDID": UDID,
        "DeviceName": "Bens MacBook für Österreich",
        "Model": "MacBookPro18,3",
        "ModelName": "MacBook Pro",
        "SerialNumber": "C02TEST00001",
        "OSVersion": "15.1",
        "BuildVersion": "24B83",
        "ProductName": "MacBookPro18,3",
        "Challenge": b"apple",
    },
    "TokenUpdate": {"Topic": TOPIC, "UDID": UDID, "Token": bytes(range(32)), "PushMagic": "5EC4E7-magic"},
    "CheckOut": {"Topic": TOPIC, "UDID": UDID},
    "SetBootstrapToken": {"UDID": UDID, "BootstrapToken": b"boot-secret", "AwaitingConfiguration": False},
    "GetBootstrapToken": {"UDID": UDID},
    "UserAuthenticate": {"UDID": UDID, "UserID": PERSON["UserID"], "DigestResponse": "digest-secret"},
    "DeclarativeManagement": {"UDID": UDID, "Endpoint": "status", "Data": b'{"StatusItems": {}}'},
    "GetToken": {"UDID": UDID, "TokenServiceType": "com.apple.maid"},
}
TYPES = {
    "Authenticate": Authenticate,
    "TokenUpdate": TokenUpdate,
    "CheckOut": CheckOut,
    "SetBootstrapToken": SetBootstrapToken,
    "GetBootstrapToken": GetBootstrapToken,
    "UserAuthenticate": UserAuthenticate,
    "DeclarativeManagement": DeclarativeManagement,
    "GetToken": GetToken,
}
#: What a Mac says of itself that identifies nothing.
SHOWN = {
    "DeviceName", "Model", "ModelName", "OSVersion", "BuildVersion", "ProductName", "UserShortName", "UserLongName",
}  # fmt: skip
REQUIRED = {
    "Authenticate": ["Topic", "UDID"],
    "TokenUpdate": ["Topic", "UDID", "Token", "PushMagic"],
    "CheckOut": ["Topic", "UDID"],
    "SetBootstrapToken": ["UDID"],
    "GetBootstrapToken": ["UDID"],
    "UserAuthenticate": ["UDID", "UserID"],
    "DeclarativeManagement": ["UDID", "Endpoint"],
    "GetToken": ["UDID", "TokenServiceType"],
}


def body(name: str, **changes: object) -> bytes:
    message = {"MessageType": name, **MESSAGES[name], **changes}
    return plist.dumps({key: value for key, value in message.items() if value is not None})


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_type_is_read(name: str) -> None:
    assert type(checkin.parse(body(name))) is TYPES[name]


@pytest.mark.parametrize("name", MESSAGES)
def test_our_twins_fit_the_schemas_of_apple(name: str) -> None:
    # UserAuthenticate is said on the user channel alone.
    assert schema.checkin_findings(body(name), user_channel=name == "UserAuthenticate") == []


def test_authenticate_gives_every_fact() -> None:
    assert checkin.parse(body("Authenticate")) == Authenticate(
        topic=TOPIC,
        udid=UDID,
        device_name="Bens MacBook für Österreich",
        model="MacBookPro18,3",
        model_name="MacBook Pro",
        serial_number="C02TEST00001",
        os_version="15.1",
        build_version="24B83",
        product_name="MacBookPro18,3",
    )


def test_the_two_channels_of_token_update_are_told_apart() -> None:
    device = checkin.parse(body("TokenUpdate", AwaitingConfiguration=True))
    person = checkin.parse(body("TokenUpdate", NotOnConsole=True, **PERSON))
    assert isinstance(device, TokenUpdate)
    assert isinstance(person, TokenUpdate)
    assert (device.is_user_channel, device.awaiting_configuration) == (False, True)
    assert (person.is_user_channel, person.not_on_console) == (True, True)
    assert (person.user_id, person.user_short_name, person.user_long_name) == tuple(PERSON.values())
    assert (device.token, device.push_magic) == (bytes(range(32)), "5EC4E7-magic")


@pytest.mark.parametrize("token", [None, b""])
def test_an_absent_bootstrap_token_takes_it_back(token: bytes | None) -> None:
    read = checkin.parse(body("SetBootstrapToken", BootstrapToken=token))
    assert isinstance(read, SetBootstrapToken)
    assert read.bootstrap_token is None


def test_the_first_user_authenticate_has_no_digest() -> None:
    read = checkin.parse(body("UserAuthenticate", DigestResponse=None))
    assert read == UserAuthenticate(udid=UDID, user_id=PERSON["UserID"])


def test_secrets_do_not_print() -> None:
    for name in MESSAGES:
        shown = repr(checkin.parse(body(name)))
        assert all(secret not in shown for secret in ("\\x00\\x01", "magic", "secret", "StatusItems"))


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in REQUIRED.items() for key in keys])
def test_a_missing_key_is_refused_by_name(name: str, key: str) -> None:
    for absent in (None, b"" if key == "Token" else ""):
        with pytest.raises(CheckinUnreadable) as refused:
            checkin.parse(body(name, **{key: absent}))
        assert refused.value.detail == f"{key} is missing"


@pytest.mark.parametrize("name", MESSAGES)
def test_every_key_has_its_type_unless_it_is_only_shown(name: str) -> None:
    for key in set(MESSAGES[name]) - {"Challenge"} - SHOWN:
        for wrong in (7, ["x"], {"x": "y"}):
            with pytest.raises(CheckinUnreadable):
                checkin.parse(body(name, **{key: wrong}))


@pytest.mark.parametrize("name", MESSAGES)
def test_a_flag_is_never_a_number_or_a_text(name: str) -> None:
    flags = {"TokenUpdate": ["AwaitingConfiguration", "NotOnConsole"], "SetBootstrapToken": ["AwaitingConfiguration"]}
    for key in flags.get(name, []):
        for wrong in (0, 1, "false"):
            with pytest.raises(CheckinUnreadable):
                checkin.parse(body(name, **{key: wrong}))


HOSTILE = [
    "x' OR 1=1--",
    "../../etc/passwd",
    "4D5E6F70 1122",
    "4D5E6F70\n1122",
    "<b>4D5E6F70</b>",
    "A" * 65,
    "a" * 10_000,
    "-" * 36,
    "\u0664D5E6F70",  # an Arabic digit four, which \d would take
    "4D5E6F70\u202e",
    "{{7*7}}",
]


@pytest.mark.parametrize("udid", HOSTILE)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_hostile_udid_is_refused(name: str, udid: str) -> None:
    with pytest.raises(CheckinUnreadable) as refused:
        checkin.parse(body(name, UDID=udid))
    assert udid not in refused.value.detail


@pytest.mark.parametrize("serial", ["x' OR 1=1--", "../../etc", "<b>4D5E</b>", "A" * 65, "a" * 10_000, "-", "{{7*7}}"])
def test_a_hostile_serial_is_refused(serial: str) -> None:
    with pytest.raises(CheckinUnreadable):
        checkin.parse(body("Authenticate", SerialNumber=serial))


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ("VM5vodXXsc+k", "VM5vodXXsc+k"),
        ("VMFMKqgI+/CJ", "VMFMKqgI+/CJ"),
        ("Parallels-1F 3E 0B 1A 2C 3D 4E 5F", "Parallels-1F 3E 0B 1A 2C 3D 4E 5F"),
        (" C02\u200bTEST\ufeff\n", "C02TEST"),
        ("Ｃ０２ＴＥＳＴ", "C02TEST"),
        ("Parallels-1F\u00a03E", "Parallels-1F 3E"),
        ("\u202e4D5E6F70", "4D5E6F70"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_serial_is_read_as_virtual_machines_have_it(said: str | None, counts: str) -> None:
    read = checkin.parse(body("Authenticate", SerialNumber=said))
    assert isinstance(read, Authenticate)
    assert read.serial_number == counts


@pytest.mark.parametrize("topic", ["<script>", "a\nb", "a" * 300, "x' OR 1=1--", "\u202eabc"])
def test_a_hostile_topic_is_refused(topic: str) -> None:
    with pytest.raises(CheckinUnreadable):
        checkin.parse(body("Authenticate", Topic=topic))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (" Ben's\nMac\u2028mini ", "Ben's Mac mini"),
        ("a\tb\x85c", "a b c"),
        ("\u202eBen\u2066", "Ben"),
        ("<script>", "<script>"),
        (7, ""),
        ({"x": "y"}, ""),
        (None, ""),
    ],
)
def test_what_is_only_shown_is_one_clean_line(said: object, shown: str) -> None:
    read = checkin.parse(body("Authenticate", **dict.fromkeys(SHOWN, said)))
    assert isinstance(read, Authenticate)
    names = (read.device_name, read.model, read.model_name, read.os_version, read.build_version, read.product_name)
    assert set(names) == {shown}


def test_what_is_only_shown_fits_its_column() -> None:
    read = checkin.parse(body("Authenticate", **dict.fromkeys(SHOWN, "MacBook " * 1000)))
    assert isinstance(read, Authenticate)
    names = (read.device_name, read.model, read.model_name, read.os_version, read.build_version, read.product_name)
    widths = (200, 64, 100, 32, 32, 64)
    assert all(width - 2 < len(name) <= width for name, width in zip(names, widths, strict=True))


@pytest.mark.parametrize("absent", [None, "", " "])
def test_without_a_model_the_product_stands_in(absent: str | None) -> None:
    read = checkin.parse(body("Authenticate", Model=absent, ProductName="Mac16,1"))
    assert isinstance(read, Authenticate)
    assert read.model == "Mac16,1"


@pytest.mark.parametrize(
    "udid",
    [UDID, UDID.lower(), "00008103-001A2B3C4D5E001E", "1c111c111c111c111c111c111c111c111c111c11"],
)
def test_the_udids_of_intel_and_apple_silicon_are_read(udid: str) -> None:
    assert checkin.parse(body("CheckOut", UDID=udid)) == CheckOut(topic=TOPIC, udid=udid)


def test_a_user_enrollment_is_refused() -> None:
    with pytest.raises(CheckinUnreadable):
        checkin.parse(body("Authenticate", UDID=None, EnrollmentID=UDID))


@pytest.mark.parametrize("name", ["", "authenticate", "Authenticate ", "ReturnToService", "__class__"])
def test_an_unknown_message_type_is_refused(name: str) -> None:
    with pytest.raises(CheckinUnreadable):
        checkin.parse(plist.dumps({"MessageType": name, "UDID": UDID, "Topic": TOPIC}))


def test_unknown_keys_pass() -> None:
    assert checkin.parse(body("CheckOut", FutureKey={"a": [1]})) == checkin.parse(body("CheckOut"))


def test_too_much_and_no_plist_are_refused_before_anything_is_read() -> None:
    with pytest.raises(TooLarge):
        checkin.parse(body("CheckOut", Padding="a" * plist.MAX_BYTES))
    with pytest.raises(PlistUnreadable):
        checkin.parse(b"bplist00")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("Authenticate-10.11.x", Authenticate),
        ("Authenticate-10.12.2", Authenticate),
        ("TokenUpdate-10.12.2", TokenUpdate),
        ("TokenUpdate-10.12.2-user", TokenUpdate),
        ("CheckOut-10.11.x", CheckOut),
    ],
)
def test_recorded_check_ins_of_real_macs_are_read(path: str, kind: type) -> None:
    data = reference(f"captures/checkin/{path}.xml").read_bytes()
    read = checkin.parse(data)
    assert type(read) is kind
    is_user_channel = path.endswith("-user")
    assert schema.checkin_findings(data, user_channel=is_user_channel) == []
    if isinstance(read, TokenUpdate):
        assert read.is_user_channel is is_user_channel
    if isinstance(read, Authenticate):
        assert read.model in {"iMac15,1", "iMac17,1"}
        assert read.serial_number


def test_the_bootstrap_token_is_answered_as_a_property_list() -> None:
    answer = checkin.bootstrap_token_answer(b"boot-secret")
    assert plist.loads(answer) == {"BootstrapToken": b"boot-secret"}
    assert schema.checkin_answer_findings(answer, "getbootstraptoken") == []


def test_no_bootstrap_token_is_answered_with_nothing() -> None:
    assert checkin.bootstrap_token_answer(None) == b""


def test_the_word_that_unenrolls_is_the_one_of_apple() -> None:
    answer, content_type = checkin.unrecognized_device()
    assert content_type == "application/json"
    assert json.loads(answer) == {"code": "com.apple.unrecognized.device"}
    assert schema.error_findings(json.loads(answer), "unrecognized.device") == []


keys = st.sampled_from(sorted({key for message in MESSAGES.values() for key in message} | {"UserID", "NotOnConsole"}))
anything = st.one_of(
    st.text(st.characters(codec="utf-8")).map(plist.one_line),
    st.binary(max_size=40),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.lists(st.booleans(), max_size=2),
)


@given(name=st.sampled_from(sorted(MESSAGES)), changes=st.dictionaries(keys, anything, max_size=4))
def test_nothing_but_a_refusal_escapes(name: str, changes: dict[str, object]) -> None:
    with suppress(Refusal):
        assert len(checkin.parse(body(name, **changes)).udid) <= 64
