"""Rehearsals: a person, an invitation and a Mac that do not exist, the whole real way, and nothing left of them.

A rehearsal goes over the network like anybody else and opens nothing on its way: it is told apart by a mark that only
this module sets on its invitation, and its Mac's maker is believed for that one invitation alone. Whatever became of
it, everything is revoked and removed afterwards; a process that died is cleaned up after by :func:`sweep`.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Final

from otae.authority import uploads
from otae.delivery import catcher
from otae.directory import local
from otae.errors import InputRefused, ModeOff, OtaeError
from otae.invitations import lifecycle, pins
from otae.invitations.modes import Mode, mode_of
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.rehearsal import cleanup
from otae.rehearsal.cleanup import Trail, sweep
from otae.rehearsal.mac import (
    Answer,
    Facts,
    Line,
    Mac,
    MacRefuses,
    Safari,
    Shape,
    Step,
    Walk,
    build_hardware,
    make_device_ca,
)
from otae.signing.certificates import Keyed, der
from otae.store import database, jobs, passwords, properties
from otae.store.desk import Desk
from otae.store.models import CaughtMail, Delivery, EnrollmentSession, Invitation, Job, Person
from otae.store.states import DeliveryStatus, InvitationStatus, SessionStatus

__all__ = ["Result", "Step", "rehearse", "run_job", "sweep"]

ACTOR: Final = "rehearsal"
#: Seconds that a whole rehearsal may take, and that a mail may.
PATIENCE: Final = 200
MAIL_SECONDS: Final = 60
_LOOK_AGAIN: Final = 0.2
_MAIL: Final = "otae doctor (does a worker run?) and the mail catcher"
_PORTAL: Final = "the portal's page at this step and the server's log"

Clock = Callable[[], Awaitable[datetime]]


@dataclass(frozen=True, slots=True)
class Result:
    """How a rehearsal went. ``words``: why it stopped, "" when the Mac was enrolled; ``seconds``: all of it."""

    mode: str
    ok: bool
    words: str
    seconds: float
    steps: tuple[Step, ...] = field(default=())

    def as_json(self) -> dict[str, object]:
        """The same as plain values, seconds rounded to milliseconds."""
        steps = [{**asdict(step), "seconds": round(step.seconds, 3)} for step in self.steps]
        seconds = round(self.seconds, 3)
        return {"mode": self.mode, "ok": self.ok, "words": self.words, "seconds": seconds, "steps": steps}


async def rehearse(
    desk: Desk,
    mode: str,
    *,
    clock: Clock,
    connect_to: str | None = None,
    report: Callable[[Step], None] | None = None,
    way: str | None = None,
    shape: Shape | None = None,
) -> Result:
    """Let a simulated Mac go the whole way of ``mode`` against the running server of ``desk``, then remove every trace.

    ``clock``: tells the database's time. ``connect_to``: a base URL to use wherever PUBLIC_URL is met. ``report`` hears
    each step as it ends. ``way``: "ota" or "profile", None for the server property; ``shape``: how the Mac writes. A
    failed step ends the rehearsal and is told in the result. Raises InputRefused for a mode that is not offered.
    """
    try:
        wanted = await mode_of(mode)
    except ModeOff as refusal:
        raise InputRefused({"mode": refusal.detail}) from refusal
    rehearsal = _Rehearsal(
        desk, wanted, clock, connect_to, way, shape or await _usual_shape(), Walk(_no_report(report))
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await rehearsal.run()
    except OtaeError as error:
        words = await rehearsal.told(error)
    except TimeoutError:
        words = f"not done after {PATIENCE} seconds"
    else:
        words = ""
    finally:
        await rehearsal.clean_up()
    steps = tuple(rehearsal.walk.steps)
    return Result(mode, not words, words, sum(step.seconds for step in steps), steps)


async def run_job(desk: Desk, job: Job, *, now: datetime) -> None:
    """Run the rehearsal of a claimed job and store its result, its steps while it runs.

    ``job.input``: ``{"mode": …}`` and perhaps ``"way"``. Output: the values of :meth:`Result.as_json`.
    """
    started = asyncio.get_running_loop().time()
    mode, way, steps = str(job.input.get("mode", "")), job.input.get("way"), list[Step]()

    async def tell() -> None:
        told = 0
        while True:
            if len(steps) > told:
                told = len(steps)
                await jobs.progress(job, Result(mode, ok=False, words="", seconds=0, steps=tuple(steps)).as_json())
            await asyncio.sleep(_LOOK_AGAIN)

    telling = asyncio.create_task(tell())
    try:
        chosen = str(way) if way else None
        result = await rehearse(desk, mode, clock=database.now, report=steps.append, way=chosen)
    except InputRefused as refusal:
        result = Result(mode, ok=False, words=str(refusal), seconds=0)
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    ended = now + timedelta(seconds=asyncio.get_running_loop().time() - started)
    await jobs.finish(job, result.as_json(), now=ended, failed=not result.ok)


def _no_report(report: Callable[[Step], None] | None) -> Callable[[Step], None]:
    return report or (lambda _step: None)


async def _usual_shape() -> Shape:
    """A Mac as captured, unless this server refuses what captured Macs send."""
    return Shape(digest="sha1" if await properties.flag("mac.sha1") else "sha256")


@dataclass(slots=True)
class _Rehearsal:
    desk: Desk
    mode: Mode
    clock: Clock
    connect_to: str | None
    way: str | None
    shape: Shape
    walk: Walk
    trail: Trail = field(default_factory=Trail)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    async def run(self) -> None:
        """All steps; the first that fails raises."""
        with self.walk.step("invite", "the mode and the database") as note:
            person = await self._person()
            invitation = await self._invite(person)
            note.words = self.mode.title
        with self.walk.step("mail", _MAIL) as note:
            url, pin = await self._read_mail(invitation, person)
            note.words = "link and PIN" if pin else "link"
        roots = await uploads.trust_anchors()
        behind_router = self.desk.settings.port is not None
        public = self.desk.settings.public_url
        async with Line(public, roots, system=behind_router, connect_to=self.connect_to) as line:
            maker = await asyncio.to_thread(make_device_ca, await self.clock())
            download = await self._browse(line, url, pin, person, invitation, maker)
            hardware = await build_hardware(maker, await self.clock())
            mac = Mac(line, roots, hardware, Facts.invented(), shape=self.shape, walk=self.walk)
            await mac.install(download)
            await mac.check_in()
            with self.walk.step("enrolled", "the invitation's timeline") as note:
                note.words = await self._see_enrolled(invitation)
            await mac.check_out()

    async def told(self, error: OtaeError) -> str:
        """Why the rehearsal stopped, what the server recorded of it, and where to look."""
        recorded = await cleanup.last_refusal(self.trail)
        look_at = self.walk.steps[-1].look_at if self.walk.steps else ""
        why = f"{error} ({recorded})" if recorded else str(error)
        return f"{why}; look at {look_at}" if look_at else why

    async def clean_up(self) -> None:
        """Revoke and remove everything; a cancelled rehearsal still does."""
        await asyncio.shield(cleanup.remove(self.trail, now=await self.clock(), actor=ACTOR))

    async def _person(self) -> Person:
        name = f"rehearsal-{secrets.token_hex(6)}"
        person = Person(
            domain=local.DOMAIN,
            name=name,
            display_name="Rehearsal",
            email=f"{name}@rehearsal.invalid",
            password_hash=await passwords.hash_secret(local.password_bytes(self.password)),
            rehearsal=True,
            created_at=await self.clock(),
        )
        await person.save(force_create=True)
        self.trail.person_id = person.id
        return person

    async def _invite(self, person: Person) -> Invitation:
        terms = InvitationTerms(mode=self.mode.name, way=self.way)
        order = InvitationOrder(person.name, terms, rehearsal=True)
        created = await lifecycle.create(self.desk, order, now=await self.clock(), actor=ACTOR)
        return created.invitation

    async def _read_mail(self, invitation: Invitation, person: Person) -> tuple[str, str | None]:
        """Wait for the messages in the catcher and take link and PIN out of their words, as a person would."""
        kinds = ("url", "pin") if self.mode.secret else ("url",)
        for kind in kinds:
            await self._sent(invitation, kind)
        texts = [await self._text(mail) for mail in await CaughtMail.filter(recipient=person.email, rehearsal=True)]
        host = re.escape(self.desk.settings.public_url)
        link = _find(rf"{host}/zdm/su\?e=ep-[\w-]+", texts)
        pin = _find(rf"(?<![\w-]){self._shape_of_pin}(?![\w-])", texts) if self.mode.secret else None
        if link is None or (self.mode.secret and pin is None):
            raise MacRefuses("the mail holds no link, or no PIN: look at the templates under Settings")
        return link, pin

    @property
    def _shape_of_pin(self) -> str:
        return f"[{pins.LETTERS if self.mode.pin_letters else pins.DIGITS}]{{{self.mode.pin_length}}}"

    async def _text(self, mail: CaughtMail) -> str:
        body = (await catcher.open_caught(self.desk, mail.id)).get_body(("plain",))
        return str(body.get_content()) if body is not None else ""

    async def _sent(self, invitation: Invitation, kind: str) -> None:
        end = asyncio.get_running_loop().time() + MAIL_SECONDS
        while asyncio.get_running_loop().time() < end:
            row = await Delivery.get_or_none(invitation_id=invitation.id, kind=kind)
            if row is not None and row.status == DeliveryStatus.SENT:
                return
            if row is not None and row.status in (DeliveryStatus.FAILED, DeliveryStatus.CANCELLED):
                raise MacRefuses(f"the {kind} message is {row.status}: {row.answer}")
            await asyncio.sleep(_LOOK_AGAIN)
        raise MacRefuses(f"the {kind} message was not sent within {MAIL_SECONDS} seconds")

    async def _browse(
        self, line: Line, url: str, pin: str | None, person: Person, invitation: Invitation, maker: Keyed
    ) -> Answer:
        """From the link to the downloaded profile."""
        safari = Safari(line)
        with self.walk.step("link", _PORTAL) as note:
            page = await safari.open(url, name="link")
            if page.answer.status != 200:
                raise MacRefuses(f"the link's page is {page.answer.status}: {page.text[:200]}")
            note.words = page.path
        with self.walk.step("sign in", _PORTAL) as note:
            password = self.password if self.mode.authentication else None
            page = await safari.sign_in(page, name=person.name, password=password, pin=pin)
            if page.answer.status != 200 or not page.path.endswith("/install"):
                raise MacRefuses(f"signing in led to {page.path} ({page.answer.status}): {page.text[:200]}")
            note.words = page.path
            await self._vouch(invitation, maker)
        with self.walk.step("download", _PORTAL) as note:
            answer = await safari.download(page, "/profile", name="profile")
            note.words = f"{len(answer.content)} bytes"
        return answer

    async def _vouch(self, invitation: Invitation, maker: Keyed) -> None:
        """Let the maker of this Mac be believed, for this invitation alone, now that its session exists."""
        if not await EnrollmentSession.filter(invitation_id=invitation.id, rehearsal=True).exists():
            raise MacRefuses("signing in opened no session")
        marked = Invitation.filter(id=invitation.id, rehearsal=True, rehearsal_ca=None)
        if await marked.update(rehearsal_ca=der(maker.certificate)) != 1:
            raise MacRefuses("the rehearsal was removed meanwhile")

    async def _see_enrolled(self, invitation: Invitation) -> str:
        """Compare what the server says of itself with what the Mac has seen."""
        await invitation.refresh_from_db()
        session = await EnrollmentSession.filter(invitation_id=invitation.id).order_by("-opened_at").first()
        seen = session.status if session else "no session"
        if seen != SessionStatus.ENROLLED or invitation.status != InvitationStatus.REDEEMED:
            raise MacRefuses(f"the server knows the session as {seen} and the invitation as {invitation.status}")
        await self._sent(invitation, "confirmation")
        return "invitation redeemed, confirmation sent"


def _find(pattern: str, texts: list[str]) -> str | None:
    for text in texts:
        found = re.search(pattern, text)
        if found:
            return found.group()
    return None
