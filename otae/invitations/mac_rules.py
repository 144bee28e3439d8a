"""Which Macs somebody may enroll, and how many: the lists of serial numbers, the ownership, and the number.

Each rule is asked at the first door that knows what it is about: ownership and number where somebody is invited or
signs in, the serial number when the Mac names it. Rehearsals are exempt. A Mac that is enrolled already stays.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from otae.errors import NotAllowed, OwnershipRefused, SerialRefused, SerialUnlisted, TooManyMacs
from otae.invitations import serial_lists
from otae.store import properties
from otae.store.models import Enrollment, EnrollmentSession, Person
from otae.store.states import EnrollmentStatus
from otae.translatable import N_


async def check_ownership(ownership: str) -> None:
    """Raise OwnershipRefused when Macs of this ownership ("corporate", "employee") are not enrolled here."""
    if ownership == "employee" and not await properties.flag("enrollment.employee"):
        raise OwnershipRefused


async def check_serial(ownership: str, serial: str) -> None:
    """Check the serial number of a Mac, "" for one that names none.

    Raises:
        SerialRefused: It is on the list of refused Macs.
        SerialUnlisted: Macs of this ownership have to be on the organization's list, and it is not.
    """
    kinds = await serial_lists.kinds_of([serial])
    if reason := _why_not(ownership, serial, kinds, await properties.word("macos.company.serials")):
        raise reason


async def check_number(person_id: UUID, *, serial: str = "", udid: str = "") -> None:
    """Check that the person may have one more Mac; the one with this serial number or UDID may be theirs already.

    Raises:
        TooManyMacs: They have as many as server property enrollment.macs allows.
    """
    most = await properties.number("enrollment.macs")
    if not most:
        return
    macs = _enrolled([person_id]).limit(most + 1)
    theirs = await macs.values_list("device__udid", "device__serial")
    again = any(udid == each or (serial and _same(serial, has)) for each, has in theirs)
    if len(theirs) >= most and not again:
        raise TooManyMacs(f"{len(theirs)} Macs are enrolled, {most} are allowed")


async def wait_for_turn(session_id: UUID) -> None:
    """Lock the row of the session's person until the transaction ends, where they may have a limited number of Macs.

    Call it first in the transaction that enrolls a Mac, before the session is locked, as whoever disables people does:
    two of their Macs that enroll at the same moment are counted in turn then.
    """
    if await properties.number("enrollment.macs"):
        people = await EnrollmentSession.filter(id=session_id).values_list("person_id", flat=True)
        await Person.filter(id__in=people).select_for_update().first()


async def wrong_terms(ownership: str, serial: str) -> dict[str, str]:
    """Return what the rules have against an invitation, by field: "ownership", or "serial" when one is named."""
    wrong: dict[str, str] = {}
    for name, check in (("ownership", check_ownership(ownership)), ("serial", check_serial(ownership, serial))):
        try:
            await check
        except NotAllowed as refusal:
            wrong[name] = refusal.words
    return wrong if serial else {name: words for name, words in wrong.items() if name != "serial"}


async def too_many(person: Person, serial: str = "") -> str:
    """Return why ``person`` may not be invited for one more Mac, "" when they may; ``serial``: the Mac's, if known."""
    try:
        await check_number(person.id, serial=serial)
    except TooManyMacs:
        return N_("%(person)s has as many Macs as are allowed", person=person.display_name or person.name)
    return ""


async def people_with_too_many(people: Collection[UUID]) -> set[UUID]:
    """Return which of ``people`` have as many enrolled Macs as are allowed."""
    most = await properties.number("enrollment.macs")
    if not most or not people:
        return set()
    owners = Counter(await _enrolled(people).values_list("person_id", flat=True))
    return {person for person, number in owners.items() if number >= most}


async def refused_lines(lines: Mapping[UUID, Mapping[str, Any]], ownership: str) -> dict[UUID, str]:
    """Return why lines of a file are refused: "employee", "serial-refused" or "serial-unlisted", by their ids.

    Args:
        lines: What each says of its invitation: "serial" and "ownership", if it does.
        ownership: Of lines that name none.
    """
    allowed = await properties.flag("enrollment.employee")
    rule = await properties.word("macos.company.serials")
    kinds = await serial_lists.kinds_of([said["serial"] for said in lines.values() if said.get("serial")])
    wrong: dict[UUID, str] = {}
    for line, said in lines.items():
        owner, serial = said.get("ownership", ownership), said.get("serial", "")
        if owner == "employee" and not allowed:
            wrong[line] = "employee"
        elif serial and (reason := _why_not(owner, serial, kinds, rule)):
            wrong[line] = reason.code
    return wrong


def _why_not(ownership: str, serial: str, kinds: Mapping[str, str], rule: str) -> NotAllowed | None:
    """Return the refusal of a serial number by the lists in ``kinds`` and server property macos.company.serials."""
    kind = kinds.get(serial_lists.key_of(serial))
    if kind == serial_lists.REFUSED:
        return SerialRefused(f"serial {serial}")
    if rule in {"all", ownership} and kind != serial_lists.COMPANY:
        return SerialUnlisted(f"serial {serial}" if serial else "the Mac names no serial number")
    return None


def _enrolled(people: Collection[UUID]) -> Any:  # noqa: ANN401 - a query of the ORM, whatever it returns
    return Enrollment.filter(person_id__in=list(people), status=EnrollmentStatus.ENROLLED, rehearsal=False)


def _same(one: str, other: str) -> bool:
    return serial_lists.key_of(one) == serial_lists.key_of(other)
