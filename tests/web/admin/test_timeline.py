"""Events in words."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from otae import words
from otae.accounts.permissions import PERMISSIONS
from otae.delivery.texts.macros import MACROS
from otae.invitations import self_made
from otae.store.models import Event
from otae.web.admin.manage import timeline
from tests.house.tree import sources

AT = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
SESSION = uuid4()
NAMED = re.compile(
    r'"((?:invitation|link|delivery|signin|terms-of-use|session|root|profile|certificate|checkin|device)\.[a-z]+)"'
)
#: What looks like an event in the rooms and is an entry of the audit log, a permission, a macro or something else.
OTHERS = {"invitation.token"} | set(PERMISSIONS) | set(MACROS)


def event(number: int, kind: str, *, seconds: float = 0, **more: object) -> Event:
    return Event(**{"id": number, "kind": kind, "at": AT + timedelta(seconds=seconds), **more})


def shown(*events: Event) -> list[timeline.TimelineEntry]:
    return [entry for group in timeline.groups(events) for entry in group.entries]


def test_every_kind_of_event_that_a_room_records_has_its_words() -> None:
    rooms = ("delivery", "directory", "accounts", "invitations", "enrollment", "mdm")
    found = {
        kind
        for name, text in sources("otae").items()
        if name.split("/")[1] in rooms
        for line in text.splitlines()
        if "audit" not in line and "seal" not in line
        for kind in NAMED.findall(line)
    }
    assert found - OTHERS <= set(timeline.KINDS)


def test_a_message_is_one_line_that_tells_what_came_of_it() -> None:
    lines = shown(
        event(1, "delivery.queued", detail="url"),
        event(2, "delivery.sending", detail="url", seconds=1),
        event(3, "delivery.sent", detail="url: accepted by mail.example.test", seconds=1.2),
    )
    assert [(line.words, line.took) for line in lines] == [
        ("Invitation mail accepted by mail.example.test", timedelta(seconds=1.2))
    ]


def test_a_deferred_message_keeps_its_reason() -> None:
    lines = shown(
        event(1, "delivery.queued", detail="pin"),
        event(2, "delivery.deferred", detail="pin: 451 come back later", seconds=1),
        event(3, "delivery.sending", detail="pin", seconds=60),
    )
    assert [(line.mark, line.more) for line in lines] == [("warning", "451 come back later"), ("note", "")]
    assert lines[-1].words == "PIN message is being sent"


def test_what_says_the_same_is_told_once() -> None:
    lines = shown(
        event(1, "certificate.issued", detail="mdm-identity", session_id=SESSION),
        event(2, "session.certified", session_id=SESSION),
        event(3, "refused", code="device-taken", session_id=SESSION, support_code="K7QX4"),
        event(4, "session.refused", code="device-taken", session_id=SESSION),
    )
    assert [line.words for line in lines] == [
        "Management certificate issued",
        "Refused: This Mac is enrolled for somebody else.",
    ]
    assert lines[1].support_code == "K7QX4"
    assert "Release the device" in lines[1].advice


def test_steps_that_belong_together_are_one_group() -> None:
    groups = timeline.groups(
        [
            event(1, "invitation.created", actor="ada"),
            event(2, "link.opened", detail="Safari on macOS"),
            event(3, "session.opened", session_id=SESSION),
            event(4, "profile.fetched", session_id=SESSION),
            event(5, "profile.fetched", session_id=SESSION, seconds=86400),
        ]
    )
    assert [(group.title, group.day, len(group.entries)) for group in groups] == [
        ("Invitation", "2026-05-04", 2),
        ("Sign-in", "2026-05-04", 1),
        ("Profile and certificate", "2026-05-04", 1),
        ("Profile and certificate", "2026-05-05", 1),
    ]


def test_an_event_nobody_knows_is_shown_by_its_name() -> None:
    assert [line.words for line in shown(event(1, "future.thing", detail="x"))] == ["future.thing"]


def test_who_invited_themselves_is_named_in_the_language_of_the_page() -> None:
    with words.in_language("de"):
        [line] = shown(event(1, "invitation.created", actor=self_made.ACTOR))
    assert line.words.endswith("der eingeladenen Person")
