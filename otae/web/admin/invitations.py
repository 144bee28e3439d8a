"""Enrollment Invitations: the list with its filters, and the form that invites somebody."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self
from urllib.parse import urlencode
from uuid import UUID, uuid4

from starlette.datastructures import QueryParams
from starlette.responses import Response

from otae.delivery import templates
from otae.directory import local
from otae.errors import InputRefused, StaleState
from otae.invitations import lifecycle, listing, orders, submissions
from otae.invitations.details import InvitationRow
from otae.invitations.modes import Mode, default_mode, enabled_modes, title_of
from otae.overview import attention
from otae.overview.progress import STEPS, progress_of
from otae.web.admin import invitation
from otae.web.admin.statuses import OWNERSHIPS, PLATFORMS, STATUSES
from otae.web.admin.waiting import factors
from otae.web.failures import Failure
from otae.web.forms import (
    BooleanField,
    Form,
    HiddenField,
    InputRequired,
    Length,
    Optional,
    RadioField,
    SelectField,
    StringField,
)
from otae.web.guards import Console
from otae.web.pages import go, render, wants_part
from otae.words import gettext as _

WHERE: Final = "/admin/invitations"
PAGE: Final = 50
STUCK: Final = "stuck"
#: How many people the form offers while one types.
OFFERED: Final = 20
CHOOSE: Final = _("Choose one of these.")
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Filter:
    """What the list is narrowed to; everything else that an address may ask for is refused."""

    status: str = ""
    mode: str = ""
    ownership: str = ""
    q: str = ""
    after: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """Read an address; Failure 400 for an unknown name or value: nothing else can be filtered or sorted by."""
        allowed = {
            "status": {"", STUCK, *STATUSES},
            "mode": {"", *(mode.name for mode in enabled_modes())},
            "ownership": {"", *OWNERSHIPS},
        }
        known = {"q", "after", *allowed}
        unknown = set(query) - known
        wrong = [name for name, values in allowed.items() if query.get(name, "") not in values]
        if unknown or wrong:
            raise Failure(400, _("This list knows no such filter or order."), "filter-unknown")
        return cls(**{name: query.get(name, "")[:100] for name in known})

    def query(self, **changes: str) -> str:
        """Return the address of the list with ``changes``; a changed filter begins at the newest again."""
        values = {"status": self.status, "mode": self.mode, "ownership": self.ownership, "q": self.q} | changes
        text = urlencode({name: value for name, value in values.items() if value})
        return f"{WHERE}?{text}" if text else WHERE


class InvitationForm(Form):
    """Whom to invite, and how. ``form_id``: spent when the form is taken, so that it is taken once."""

    form_id = HiddenField()
    recipient = StringField(_("User name"), [InputRequired(_("Enter a user name.")), Length(max=100)])
    platform = SelectField(_("Platform"), invalid_choice_message=CHOOSE, choices=PLATFORMS, default="macos")
    ownership = RadioField(
        _("Device ownership"), invalid_choice_message=CHOOSE, choices=OWNERSHIPS, default="corporate"
    )
    serial = StringField(_("Serial number"), [Optional(), Length(max=40)])
    mode = RadioField(_("Enrollment mode"), invalid_choice_message=CHOOSE)
    url_template = SelectField(_("Invitation mail"), invalid_choice_message=CHOOSE)
    pin_template = SelectField(_("PIN mail"), invalid_choice_message=CHOOSE)
    confirmation_template = SelectField(_("Confirmation mail"), invalid_choice_message=CHOOSE)
    send = BooleanField(_("Send invitation"), default=True)
    show_pin = BooleanField(_("Show me the PIN once"))

    async def prepare(self) -> Self:
        """Fill in what can be chosen."""
        self.mode.choices = {mode.name: mode.title for mode in enabled_modes()}
        for kind in ("url", "pin", "confirmation"):
            rows = await templates.list_templates(kind)
            self[f"{kind}_template"].choices = {str(row.id): row.name for row in rows}
        return self


async def index(visit: Console) -> Response:
    """Show the list, or only its changing part."""
    wanted = Filter.read(visit.request.query_params)
    candidates = await attention.needy(now=visit.now, most=attention.CANDIDATES)
    stuck = [each.invitation for each in candidates]
    counts = await listing.counts()
    rows, older = await _rows(wanted, stuck)
    context = {
        "wanted": wanted,
        "rows": rows,
        "progress": await progress_of(rows, now=visit.now),
        "total": len(STEPS),
        "older": wanted.query(after=str(rows[-1].id)) if older else "",
        "tabs": [
            ("", _("All"), sum(counts.values())),
            ("pending", STATUSES["pending"], counts["pending"]),
            (STUCK, _("Stuck"), len(stuck)),
            *((name, words, counts[name]) for name, words in STATUSES.items() if name != "pending"),
        ],
        "modes": enabled_modes(),
        "ownerships": OWNERSHIPS,
        "statuses": STATUSES,
        "title_of": title_of,
        "any_invitation": any(counts.values()),
        "any_person": bool(await local.list_people(limit=1)),
    }
    part = "list" if wants_part(visit.request) else None
    return render(visit.request, "admin/invitations/index.html", context, block=part)


async def _rows(wanted: Filter, stuck: list[InvitationRow]) -> tuple[list[InvitationRow], bool]:
    """Return a page of the list, and whether there are older ones."""
    narrowed = {"mode": wanted.mode, "ownership": wanted.ownership, "search": wanted.q}
    if wanted.status == STUCK:
        kept = {row.id for row in await listing.list_invitations(**narrowed, limit=listing.MOST)} if wanted.q else None
        rows = [row for row in stuck if wanted.mode in {"", row.mode} and wanted.ownership in {"", row.ownership}]
        return [row for row in rows if kept is None or row.id in kept], False
    found = await listing.list_invitations(wanted.status, after=wanted.after, limit=PAGE + 1, **narrowed)
    return found[:PAGE], len(found) > PAGE


async def blank(visit: Console) -> Response:
    """Show an empty form; an address may name the recipient."""
    recipient = visit.request.query_params.get("recipient", "")[:100]
    chosen = {"form_id": str(uuid4()), "mode": (await default_mode()).name, "recipient": recipient}
    form = await InvitationForm(data=chosen).prepare()
    return await _show(visit, form)


async def add(visit: Console) -> Response:
    """Invite; the same form sent twice invites once."""
    form = await (await InvitationForm.read(visit.request)).prepare()
    if form.validate():
        try:
            async with submissions.once(_form_id(form), now=visit.now):
                created = await lifecycle.create(visit.desk, _order(form), now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        except StaleState:
            return go(WHERE, "info", _("This form was sent already; here is what came of it."))
        else:
            where = f"{WHERE}/{created.invitation.id}"
            if created.pin:
                return await invitation.show_once(visit, created)
            return go(where, "success", _("The invitation was created."))
    return await _show(visit, form, status=422)


async def people(visit: Console) -> Response:
    """Return people that fit what is being typed, as choices for the field."""
    return await _show(visit, await InvitationForm().prepare(), block="people")


async def _show(visit: Console, form: InvitationForm, *, status: int = 200, block: str | None = None) -> Response:
    typed = visit.request.query_params.get("recipient", "") if block else (form.recipient.data or "")
    found = await local.search_people(typed, limit=OFFERED) if typed else await local.list_people(limit=OFFERED)
    context = {
        "form": form,
        "people": [person for person in found if not person.disabled],
        "sentences": {mode.name: sentence(mode) for mode in enabled_modes()},
        "any_person": bool(found) or bool(await local.list_people(limit=1)),
    }
    return render(visit.request, "admin/invitations/add.html", context, status=status, block=block)


def sentence(mode: Mode) -> str:
    """Return what the person needs with ``mode``, and how long the invitation lasts."""
    needs = _("The person needs %s.") % _and(factors(mode))
    lasts = (
        _("Valid for %d hours") % (mode.valid_for // HOUR) if mode.valid_for else _("Valid until it is used or revoked")
    )
    tries = _("; %(tries)d tries for a PIN of %(length)d digits") % {"tries": mode.max_tries, "length": mode.pin_length}
    return f"{needs} {lasts}{tries if mode.secret else ''}."


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return _("%(first)s and %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def _order(form: InvitationForm) -> orders.InvitationOrder:
    return orders.InvitationOrder(
        form.recipient.data,
        mode=form.mode.data,
        ownership=form.ownership.data,
        platform=form.platform.data,
        serial=form.serial.data or None,
        send=form.send.data,
        show_pin=form.show_pin.data,
        url_template=form.url_template.data,
        pin_template=form.pin_template.data,
        confirmation_template=form.confirmation_template.data,
    )


def _form_id(form: InvitationForm) -> UUID:
    """Return the form's own id; one made up by whoever left it out is as good as any."""
    try:
        return UUID(form.form_id.data or "")
    except ValueError:
        return uuid4()
