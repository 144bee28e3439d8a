"""The first page: what is counted, what is stuck and why."""

from datetime import datetime, timedelta
from itertools import product

import pytest

from otae.enrollment import sessions
from otae.invitations import lifecycle, listing
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.overview import attention
from otae.overview.progress import STALLED_AFTER, progress_of
from otae.store import database, paging, stuck
from otae.store.desk import Desk
from otae.store.models import Approval, Delivery, EnrollmentSession, Invitation, Person

pytestmark = pytest.mark.anyio


async def invited(desk: Desk, name: str = "ben", *, rehearsal: bool = False) -> Invitation:
    now = await database.now()
    await Person(name=name, display_name=name.title(), email=f"{name}@example.test", created_at=now).save()
    order = InvitationOrder(name, InvitationTerms(mode="username_pin"), rehearsal=rehearsal)
    return (await lifecycle.create(desk, order, now=now, actor="ada")).invitation


async def signed_in(desk: Desk, invitation: Invitation) -> EnrollmentSession:
    person = await Person.get(id=invitation.person_id)
    now = await database.now()
    return await sessions.open_session(
        person=person, invitation=invitation, mode=invitation.mode, ownership="corporate", now=now
    )


async def test_counts_name_every_status_and_leave_rehearsals_out(desk: Desk) -> None:
    await invited(desk)
    await invited(desk, "cleo", rehearsal=True)
    assert await listing.counts() == {"pending": 1, "redeemed": 0, "expired": 0, "revoked": 0, "failed": 0}
    assert await attention.count_enrolled() == 0


async def test_nothing_needs_anybody_at_first(desk: Desk) -> None:
    await invited(desk)
    assert (await attention.dashboard(now=await database.now())).attention_items == []


async def test_a_sign_in_without_a_next_step_is_stuck_since_then(desk: Desk) -> None:
    session = await signed_in(desk, await invited(desk))
    [found] = (await attention.dashboard(now=session.opened_at + timedelta(minutes=40))).attention_items
    assert found.progress.problem == "No download for 40 min"
    assert found.progress.since == session.opened_at


async def test_a_refused_mail_is_shown_with_the_servers_words(desk: Desk) -> None:
    invitation = await invited(desk)
    await Delivery.filter(invitation_id=invitation.id, kind="url").update(status="failed", answer="550 no such user")
    [found] = (await attention.dashboard(now=await database.now())).attention_items
    assert found.progress.problem == "Mail not sent: 550 no such user"


async def test_a_deferred_mail_is_shown_before_it_fails(desk: Desk) -> None:
    invitation = await invited(desk)
    await Delivery.filter(invitation_id=invitation.id, kind="url").update(attempt=2, answer="450 later")
    [found] = (await attention.dashboard(now=await database.now())).attention_items
    assert found.progress.problem == "Mail not taken yet: 450 later"


async def test_a_refusal_is_shown_with_its_support_code(desk: Desk) -> None:
    session = await signed_in(desk, await invited(desk))
    await EnrollmentSession.filter(id=session.id).update(refusal="device-taken", support_code="K7QXM")
    [found] = (await attention.dashboard(now=await database.now())).attention_items
    assert found.progress.problem == "Refused: This Mac is enrolled for somebody else."
    assert found.progress.support_code == "K7QXM"


async def undelivered(desk: Desk, number: int, answer: str) -> None:
    invitation = await invited(desk, f"guest{number:02}")
    at = invitation.created_at - timedelta(hours=number)
    wrong = {"status": "failed", "answer": answer, "created_at": at}
    await Delivery.filter(invitation_id=invitation.id, kind="url").update(**wrong)


async def test_the_oldest_problem_comes_first_and_ten_are_enough(desk: Desk) -> None:
    for number in range(12):
        await undelivered(desk, number, f"550 no such user guest{number}")
    found = (await attention.dashboard(now=await database.now())).attention_items
    assert [item.progress.since for item in found] == sorted(item.progress.since for item in found)
    board = await attention.dashboard(now=await database.now())
    assert (board.attention_items, board.stuck) == (found[:10], 12)


async def test_what_one_server_said_of_many_is_shown_once(desk: Desk) -> None:
    for number in range(4):
        await undelivered(desk, number, "mail.example.test port 25: cannot be reached")
    await undelivered(desk, 9, "550 no such user")
    for name in ("ida", "ole"):
        await signed_in(desk, await invited(desk, name))
    board = await attention.dashboard(now=await database.now() + timedelta(minutes=40))
    shown = [(each.invitation.person.name, each.similar) for each in board.attention_items]
    assert shown == [("guest03", 3), ("guest09", 0), ("ida", 0), ("ole", 0)]
    assert board.stuck == 7


async def test_what_waits_is_counted_however_many_there_are(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await invited(desk)
    now, ben = await database.now(), await Person.get(name="ben")
    rows = [
        Invitation(person_id=ben.id, mode="username_pin", ownership="corporate", token_hash=f"{number:064}")
        for number in range(250)
    ]
    for row in rows:
        row.created_by, row.created_at = "ada", now
    await Invitation.bulk_create(rows)
    waiting = [Delivery(invitation_id=row.id, kind="url", message_id=str(row.id), recipient="x") for row in rows]
    for each in waiting:
        each.attempt, each.created_at = 1, now
        each.answer = "mail.example.test port 25: connection refused"
    await Delivery.bulk_create(waiting)
    # Sent anew since, and taken.
    await Delivery(
        invitation_id=rows[0].id, kind="url", generation=2, message_id="2", recipient="x", status="sent", created_at=now
    ).save(force_create=True)
    await Invitation.filter(id=rows[0].id).update(generation=2)
    board = await attention.dashboard(now=now)
    assert (board.stuck, [each.similar for each in board.attention_items]) == (249, [248])
    assert (
        board.attention_items[0].progress.problem == "Mail not taken yet: mail.example.test port 25: connection refused"
    )
    monkeypatch.setattr(paging, "COUNT_LIMIT", 100)
    monkeypatch.setattr(attention, "COUNT_LIMIT", 100)
    board = await attention.dashboard(now=now)
    assert (board.stuck, board.attention_items[0].similar, (await listing.counts())["pending"]) == (101, 100, 101)
    assert first.id not in {each.invitation.id for each in board.attention_items}


async def test_what_is_stuck_is_what_its_words_say(desk: Desk) -> None:
    """Every mixture of link, PIN and a sign-in, newer or older, is counted as it is put into words."""
    now = await database.now()
    made: list[Invitation] = []
    sign_ins: list[EnrollmentSession] = []
    messages: list[Delivery] = []
    for index, (delivery, pin, session, status, resent) in enumerate(
        product(
            (None, "sent", "failed", "queued", "bounced"),
            (None, "sent", "failed", "queued"),
            (None, "opened", "old", "expired", "refused", "enrolled"),
            ("pending", "redeemed", "expired"),
            (False, True),
        )
    ):
        if pin and not delivery:
            continue
        row = Invitation(person=await _somebody(now), mode="username_pin", ownership="corporate", status=status)
        row.token_hash, row.created_by, row.created_at = f"{index:064}", "ada", now
        made.append(row)
        at = now - timedelta(minutes=5)
        if session:
            since = at - timedelta(hours=1) if session == "old" else at
            sign_ins.append(EnrollmentSession(
                person_id=row.person_id, invitation_id=row.id, mode=row.mode, ownership="corporate", way="ota",
                status="opened" if session in {"old", "refused"} else session, opened_at=since, expires_at=since,
                refusal="device-taken" if session == "refused" else None,
            ))  # fmt: skip
        for kind, sent in (("url", delivery), ("pin", pin)):
            if sent:
                messages.append(Delivery(
                    invitation_id=row.id, kind=kind, message_id=f"{kind}{row.id}", recipient="x", status=sent,
                    answer=f"no {index}", attempt=1, created_at=at + timedelta(minutes=1 if resent else -90),
                ))  # fmt: skip
    await Invitation.bulk_create(made)
    await EnrollmentSession.bulk_create(sign_ins)
    await Delivery.bulk_create(messages)
    words = await progress_of(made, now=now)
    said = {row.id for row in made if row.status == "pending" and words[row.id].problem}
    found = await Invitation.filter(id__in=stuck.ids(now - STALLED_AFTER)).values_list("id", flat=True)
    assert set(found) == said
    assert len(said) > 20
    board = await stuck.find(now - STALLED_AFTER, None, most=1000, limit=1000)
    assert board.number == len(said)
    assert sum(each.number for each in board.causes) + len(board.others) == len(said)


async def _somebody(now: datetime) -> Person:
    return (await Person.get_or_create({"display_name": "Ben", "created_at": now}, name="ben"))[0]


async def test_whoever_waits_for_an_approval_or_was_declined_is_not_stuck(desk: Desk) -> None:
    row = await invited(desk)
    session = await signed_in(desk, row)
    later = session.opened_at + timedelta(hours=2)
    assert (await attention.dashboard(now=later)).stuck == 1
    asked = Approval(invitation_id=row.id, number=1, asked="administrator", asked_at=session.opened_at)
    await asked.save(force_create=True)
    for status, words, number in (
        ("waiting", "waits for approval", 0),
        ("declined", "declined", 0),
        ("approved", "", 1),
    ):
        await Approval.filter(id=asked.id).update(status=status)
        assert (await attention.dashboard(now=later)).stuck == number
        found = (await progress_of([row], now=later))[row.id]
        assert (found.words, found.problem) == (words, "") if words else found.problem


async def test_certificates_are_listed_by_their_end(desk: Desk) -> None:
    assert [row.purpose for row in await attention.own_certificates()][:1] == ["tls"]


@pytest.mark.parametrize(
    ("refusal", "wrong", "remedy"),
    [
        ("device-taken", {}, "release"),
        ("device-mismatch", {}, ""),
        (None, {"status": "expired"}, "resend"),
        (None, {}, "resend"),
    ],
)
async def test_a_stuck_sign_in_has_its_remedy(
    desk: Desk, refusal: str | None, wrong: dict[str, object], remedy: str
) -> None:
    session = await signed_in(desk, await invited(desk))
    await EnrollmentSession.filter(id=session.id).update(refusal=refusal, udid="U-1", **wrong)
    [found] = (await attention.dashboard(now=session.opened_at + timedelta(minutes=40))).attention_items
    assert (found.progress.remedy, found.progress.udid) == (remedy, "U-1" if remedy == "release" else "")


async def test_an_invitation_that_is_over_is_given_more_time(desk: Desk) -> None:
    row = await invited(desk)
    await Delivery.filter(invitation_id=row.id, kind="url").update(status="failed", answer="550 no such user")
    later = row.created_at + timedelta(days=40)
    remedies = [(await progress_of([row], now=now))[row.id].remedy for now in (row.created_at, later)]
    assert remedies == ["resend", "extend"]


async def test_a_pin_that_is_used_up_is_made_anew(desk: Desk) -> None:
    row = await invited(desk)
    await Delivery.filter(invitation_id=row.id).update(status="sent")
    await lifecycle.fail(row, now=await database.now(), why="the tries of the PIN are used up")
    [found] = (await attention.dashboard(now=await database.now())).attention_items
    assert found.progress.remedy == "new-pin"


async def test_progress_is_read_in_three_queries_however_many_there_are(desk: Desk) -> None:
    rows = [await invited(desk, f"guest{number}") for number in range(5)]
    found = await progress_of(rows, now=await database.now())
    assert {item.words for item in found.values()} == {"invited"}
    session = await signed_in(desk, rows[0])
    found = await progress_of(rows, now=session.opened_at)
    assert found[rows[0].id].words == "signed in"
    assert found[rows[0].id].reached == 3
