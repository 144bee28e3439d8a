"""Rehearsals: a simulated Mac enrolls an invented person end to end, and every row of it is removed afterwards.

A rehearsal goes over the network and bypasses no check. Its invitation carries a mark that only this module sets, and
its Mac's CA is trusted for that one invitation alone. However it ends, everything is revoked and removed;
:func:`sweep` cleans up after a process that died.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae import paths
from otae.authority import uploads
from otae.delivery import catcher
from otae.directory.local import person_fields
from otae.directory.local.passwords import password_bytes
from otae.errors import InputRefused, ModeOff, OtaeError
from otae.invitations import lifecycle, pins
from otae.invitations.modes import mode_of
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.rehearsal import cleanup
from otae.rehearsal.cleanup import sweep
from otae.rehearsal.connection import MacConnection, ServerResponse
from otae.rehearsal.hardware import DeviceFacts, MessageFormat, make_device_ca
from otae.rehearsal.mac import Mac, build_hardware
from otae.rehearsal.report import MacRefuses, RehearsalStep, StepRecorder
from otae.rehearsal.safari import Safari
from otae.signing.certificates import Keyed, der
from otae.store import database, jobs, passwords, properties
from otae.store.desk import Desk
from otae.store.mode_table import Mode
from otae.store.models import CaughtMail, Delivery, EnrollmentSession, Invitation, Job, Person
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus

__all__ = ["RehearsalResult", "RehearsalStep", "rehearse", "run_job", "sweep"]

ACTOR: Final = "rehearsal"
#: Seconds that a whole rehearsal may take, and that a mail may.
TIME_LIMIT: Final = 200
MAIL_SECONDS: Final = 60
_POLL_SECONDS: Final = 0.2
_MAIL: Final = "otae doctor (does a worker run?) and the mail catcher"
_PORTAL: Final = "the portal's page at this step and the server's log"

Clock = Callable[[], Awaitable[datetime]]


@dataclass(frozen=True, slots=True)
class RehearsalResult:
    """The result of a rehearsal.

    ``words`` is why it stopped, "" when the Mac was enrolled; ``seconds`` is the total.
    """

    mode: str
    ok: bool
    words: str
    seconds: float
    steps: tuple[RehearsalStep, ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON values, with seconds rounded to milliseconds."""
        steps = [{**asdict(step), "seconds": round(step.seconds, 3)} for step in self.steps]
        return {**asdict(self), "seconds": round(self.seconds, 3), "steps": steps}


async def rehearse(
    desk: Desk,
    mode: str,
    *,
    clock: Clock,
    connect_to: str | None = None,
    report: Callable[[RehearsalStep], None] = lambda _step: None,
    way: str | None = None,
    message_format: MessageFormat | None = None,
) -> RehearsalResult:
    """Enroll a simulated Mac in ``mode`` with the running server of ``desk``, then remove every row of it.

    A step that fails ends the rehearsal and is in the result. Raises InputRefused when the mode is not offered.

    Args:
        clock: Returns the database's time.
        connect_to: A base URL to connect to instead of PUBLIC_URL.
        way: "ota" or "profile"; None for the server property.
    """
    try:
        chosen_mode = await mode_of(mode)
    except ModeOff as refusal:
        raise InputRefused({"mode": refusal.detail}) from refusal
    if message_format is None:  # that of captured Macs, with SHA-256 where this server refuses SHA-1
        message_format = MessageFormat(digest="sha1" if await properties.flag("mac.sha1") else "sha256")
    rehearsal = _Rehearsal(desk, chosen_mode, clock, connect_to, way, message_format, StepRecorder(report))
    try:
        async with asyncio.timeout(TIME_LIMIT):
            await rehearsal.run()
    except OtaeError as error:
        words = await rehearsal.failure_text(error)
    except TimeoutError:
        words = f"not done after {TIME_LIMIT} seconds"
    else:
        words = ""
    finally:
        await rehearsal.clean_up()
    steps = tuple(rehearsal.recorder.steps)
    return RehearsalResult(mode, not words, words, sum(step.seconds for step in steps), steps)


async def run_job(desk: Desk, job: Job, *, now: datetime) -> None:
    """Run the rehearsal of a claimed job and store its result, and its steps while it runs.

    The job's input is ``{"mode": …}``, optionally with ``"way"``; its output is that of `as_json`.
    """
    started = asyncio.get_running_loop().time()
    mode, way, steps = str(job.input.get("mode", "")), job.input.get("way"), list[RehearsalStep]()

    async def store_progress() -> None:
        stored = 0
        while True:
            if len(steps) > stored:
                stored = len(steps)
                so_far = RehearsalResult(mode, ok=False, words="", seconds=0, steps=tuple(steps))
                await jobs.progress(job, so_far.as_json())
            await asyncio.sleep(_POLL_SECONDS)

    progress_task = asyncio.create_task(store_progress())
    try:
        result = await rehearse(desk, mode, clock=database.now, report=steps.append, way=str(way) if way else None)
    except InputRefused as refusal:
        result = RehearsalResult(mode, ok=False, words=str(refusal), seconds=0)
    finally:
        progress_task.cancel()
        await asyncio.gather(progress_task, return_exceptions=True)
    ended = now + timedelta(seconds=asyncio.get_running_loop().time() - started)
    await jobs.finish(job, result.as_json(), now=ended, failed=not result.ok)


@dataclass(slots=True)
class _Rehearsal:
    desk: Desk
    mode: Mode
    clock: Clock
    connect_to: str | None
    way: str | None
    message_format: MessageFormat
    recorder: StepRecorder
    person_id: UUID | None = None  # all other rows of the rehearsal refer to the person
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    async def run(self) -> None:
        """Do all steps; the first that fails raises."""
        with self.recorder.step("invite", "the mode and the database") as note:
            person = await self._person()
            invitation = await self._invite(person)
            note.words = str(self.mode.title)  # as JSON has it: in English
        with self.recorder.step("mail", _MAIL) as note:
            url, pin = await self._read_mail(invitation, person)
            note.words = "link and PIN" if pin else "link"
        roots = await uploads.trust_anchors()
        settings, there = self.desk.settings, self.connect_to
        behind_router = settings.port is not None
        async with MacConnection(settings.public_url, roots, system=behind_router, connect_to=there) as connection:
            maker = await asyncio.to_thread(make_device_ca, await self.clock())
            download = await self._browse(connection, url, pin, person, invitation, maker)
            hardware, facts = await build_hardware(maker, await self.clock()), DeviceFacts.invented()
            mac = Mac(connection, roots, hardware, facts, message_format=self.message_format, recorder=self.recorder)
            await mac.install(download)
            await mac.check_in()
            with self.recorder.step("enrolled", "the invitation's timeline") as note:
                note.words = await self._check_enrolled(invitation)
            await mac.check_out()

    async def failure_text(self, error: OtaeError) -> str:
        """Return why the rehearsal stopped, what the server recorded of it, and where to look."""
        recorded = await cleanup.last_refusal(self.person_id)
        look_at = self.recorder.steps[-1].look_at if self.recorder.steps else ""
        why = f"{error} ({recorded})" if recorded else str(error)
        return f"{why}; look at {look_at}" if look_at else why

    async def clean_up(self) -> None:
        """Revoke and remove everything, also when the rehearsal was cancelled."""
        await asyncio.shield(cleanup.remove(self.person_id, now=await self.clock(), actor=ACTOR))

    async def _person(self) -> Person:
        name = f"rehearsal-{secrets.token_hex(6)}"
        person = Person(
            domain=person_fields.DOMAIN,
            name=name,
            display_name="Rehearsal",
            email=f"{name}@rehearsal.invalid",
            password_hash=await passwords.hash_secret(self.desk.resources, password_bytes(self.password)),
            rehearsal=True,
            created_at=await self.clock(),
        )
        await person.save(force_create=True)
        self.person_id = person.id
        return person

    async def _invite(self, person: Person) -> Invitation:
        terms = InvitationTerms(mode=self.mode.name, way=self.way)
        order = InvitationOrder(person.name, terms, rehearsal=True)
        created = await lifecycle.create(self.desk, order, now=await self.clock(), actor=ACTOR)
        return created.invitation

    async def _read_mail(self, invitation: Invitation, person: Person) -> tuple[str, str | None]:
        """Wait for the messages in the mail catcher and return link and PIN from their text."""
        for kind in ("url", "pin") if self.mode.secret else ("url",):
            await self._wait_until_sent(invitation, kind)
        mails = await CaughtMail.filter(recipient=person.email, rehearsal=True)
        texts = [await self._body_text(mail) for mail in mails]
        host = re.escape(self.desk.settings.public_url)
        link = _find(rf"{host}{paths.INVITATION_LINK}\?e=ep-[\w-]+", texts)
        characters = f"[{pins.LETTERS if self.mode.pin_letters else pins.DIGITS}]{{{self.mode.pin_length}}}"
        pin = _find(rf"(?<![\w-]){characters}(?![\w-])", texts) if self.mode.secret else None
        if link is None or (self.mode.secret and pin is None):
            raise MacRefuses("the mail holds no link, or no PIN: look at the templates under Settings")
        return link, pin

    async def _body_text(self, mail: CaughtMail) -> str:
        body = (await catcher.open_caught(self.desk, mail.id)).get_body(("plain",))
        return str(body.get_content()) if body is not None else ""

    async def _wait_until_sent(self, invitation: Invitation, kind: str) -> None:
        end = asyncio.get_running_loop().time() + MAIL_SECONDS
        while asyncio.get_running_loop().time() < end:
            row = await Delivery.get_or_none(invitation_id=invitation.id, kind=kind)
            if row is not None and row.status == DeliveryStatus.SENT:
                return
            if row is not None and row.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED):
                raise MacRefuses(f"the {kind} message is {row.status}: {row.answer}")
            await asyncio.sleep(_POLL_SECONDS)
        raise MacRefuses(f"the {kind} message was not sent within {MAIL_SECONDS} seconds")

    async def _browse(
        self, connection: MacConnection, url: str, pin: str | None, person: Person, invitation: Invitation, maker: Keyed
    ) -> ServerResponse:
        safari = Safari(connection)
        with self.recorder.step("link", _PORTAL) as note:
            page = await safari.open(url, name="link")
            if page.answer.status != 200:
                raise MacRefuses(f"the link's page is {page.answer.status}: {page.text[:200]}")
            note.words = page.path
        with self.recorder.step("sign in", _PORTAL) as note:
            password = self.password if self.mode.authentication else None
            page = await safari.sign_in(page, name=person.name, password=password, pin=pin)
            if page.answer.status != 200 or page.path != paths.INSTALL:
                raise MacRefuses(f"signing in led to {page.path} ({page.answer.status}): {page.text[:200]}")
            note.words = page.path
            await self._trust_maker(invitation, maker)
        with self.recorder.step("download", _PORTAL) as note:
            answer = await safari.download(page, paths.PROFILE, name="profile")
            note.words = f"{len(answer.content)} bytes"
        return answer

    async def _trust_maker(self, invitation: Invitation, maker: Keyed) -> None:
        """Trust the CA of this Mac for this invitation alone, now that its session exists."""
        if not await EnrollmentSession.filter(invitation_id=invitation.id, rehearsal=True).exists():
            raise MacRefuses("signing in opened no session")
        marked = Invitation.filter(id=invitation.id, rehearsal=True, rehearsal_ca=None)
        if await marked.update(rehearsal_ca=der(maker.certificate)) != 1:
            raise MacRefuses("the rehearsal was removed meanwhile")

    async def _check_enrolled(self, invitation: Invitation) -> str:
        """Check that the server knows the Mac as enrolled and the invitation as redeemed."""
        await invitation.refresh_from_db()
        session = await EnrollmentSession.filter(invitation_id=invitation.id).order_by("-opened_at").first()
        seen = session.status if session else "no session"
        if seen != SessionStatus.ENROLLED or invitation.status != InvitationStatus.REDEEMED:
            raise MacRefuses(f"the server knows the session as {seen} and the invitation as {invitation.status}")
        await self._wait_until_sent(invitation, "confirmation")
        return "invitation redeemed, confirmation sent"


def _find(pattern: str, texts: list[str]) -> str | None:
    found = (re.search(pattern, text) for text in texts)
    return next((match.group() for match in found if match), None)
