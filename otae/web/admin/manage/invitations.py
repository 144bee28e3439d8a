"""Manage → Invitations: the list with its filters, and the form that invites one person."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Self
from uuid import UUID, uuid4

from starlette.datastructures import QueryParams
from starlette.responses import Response

from otae import paths
from otae.directory.local import groups as directory
from otae.directory.local.people import list_people
from otae.directory.reach import Reach
from otae.errors import InputRefused, StaleState
from otae.invitations import channels, lifecycle, listing, orders, submissions
from otae.invitations import groups as group_invitations
from otae.invitations.details import InvitationRow
from otae.invitations.modes import default_mode, enabled_modes, title_of
from otae.overview.progress import STALLED_AFTER, STEPS, progress_of
from otae.store.mode_table import MODES, Mode
from otae.store.paging import COUNT_LIMIT
from otae.translatable import N_
from otae.web.admin import remedies
from otae.web.admin.manage import invitation, picker
from otae.web.admin.manage.statuses import OWNERSHIPS, STATUSES
from otae.web.admin.manage.waiting_for import factors
from otae.web.admin.terms_form import PIN_CHANNELS_SENT, TermsForm
from otae.web.failures import Failure
from otae.web.forms import BooleanField, HiddenField
from otae.web.guards import wrong_role
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50
STUCK: Final = "stuck"
HOUR: Final = timedelta(hours=1)
#: The form of an id in an address; may be empty.
ID: Final = re.compile(r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?")
#: Most groups and group invitations offered as filters.
CHOICES: Final = 200


@dataclass(frozen=True)
class Filter:
    """The filters of the list, as its address names them; an address with anything else is refused."""

    status: str = ""
    mode: str = ""
    ownership: str = ""
    group: str = ""
    order: str = ""
    q: str = ""
    after: str = ""

    @classmethod
    def read(cls, query: QueryParams) -> Self:
        """Read the filters from an address; Failure 400 for an unknown name or value."""
        allowed = {
            "status": {"", STUCK, *STATUSES},
            "mode": {"", *MODES},
            "ownership": {"", *OWNERSHIPS},
        }
        ids = {"group", "order"}
        known = {"q", "after", *ids, *allowed}
        unknown = set(query) - known
        wrong = [name for name, values in allowed.items() if query.get(name, "") not in values]
        wrong += [name for name in ids if not ID.fullmatch(query.get(name, ""))]
        if unknown or wrong:
            raise Failure(400, _("This list knows no such filter or order."), "filter-unknown")
        return cls(**{name: query.get(name, "")[:100] for name in known})

    def query(self, **changes: str) -> str:
        """Return the address of the list with ``changes``; a changed filter starts at the first page."""
        values = {name: value for name, value in vars(self).items() if name != "after"} | changes
        return paths.INVITATIONS(**values)

    def filters(self) -> listing.Filters:
        """Return the filters in the room's terms."""
        group, order = (UUID(text) if text else None for text in (self.group, self.order))
        return listing.Filters(self.mode, self.ownership, self.q, group, order)


class InvitationForm(TermsForm):
    """The form for one person.

    ``despite`` is the id of a person who is to be invited although they have a pending invitation.
    """

    despite = HiddenField()
    show_pin = BooleanField(N_("Show me the PIN once"))


async def index(visit: Console) -> Response:
    """Show the list, or for its polling only the rows."""
    wanted = Filter.read(visit.request.query_params)
    filters, status = wanted.filters(), wanted.status
    counts = await listing.counts(visit.reach, filters)
    if status == STUCK:
        filters, status = replace(filters, stuck_since=visit.now - STALLED_AFTER), ""
    found = await listing.list_invitations(status, wanted.after, limit=PAGE + 1, filters=filters, reach=visit.reach)
    rows, older = found[:PAGE], len(found) > PAGE
    context = {
        "wanted": wanted,
        "rows": rows,
        "progress": await progress_of(rows, now=visit.now),
        "total": len(STEPS),
        "older": wanted.query(after=str(rows[-1].id)) if older else "",
        "tabs": [
            ("", _("All"), _bounded_sum(counts.values())),
            ("pending", STATUSES["pending"], counts["pending"]),
            (STUCK, _("Stuck"), None),
            *((name, words, counts[name]) for name, words in STATUSES.items() if name != "pending"),
        ],
        "modes": MODES.values(),
        "ownerships": OWNERSHIPS,
        "statuses": STATUSES,
        "title_of": title_of,
        "groups": await directory.choices(limit=CHOICES, reach=visit.reach),
        "group_orders": await group_invitations.list_orders(limit=CHOICES, reach=visit.reach),
        "any_invitation": bool(rows) or await listing.any_invitation(visit.reach),
        "any_person": len(await picker.domains()) > 1 or bool(await list_people(limit=1, reach=visit.reach)),
    }
    part = "list" if is_fragment_request(visit.request) else None
    return render(visit.request, "admin/manage/invitations/index.html", context, block=part)


def _bounded_sum(numbers: Iterable[int]) -> int:
    """Return the sum of counts, capped like each of them at one more than MOST_COUNTED."""
    return min(sum(numbers), COUNT_LIMIT + 1)


async def blank(visit: Console) -> Response:
    """Show an empty form; the address may name the recipient."""
    recipient = visit.request.query_params.get("recipient", "")[:201]
    chosen = {"form_id": str(uuid4()), "mode": (await default_mode()).name, "recipient": recipient}
    form = await InvitationForm(data=chosen).prepare()
    return await _show(visit, form)


async def add(visit: Console) -> Response:
    """Invite a person; the same form sent twice invites once."""
    form = await (await InvitationForm.read(visit.request)).prepare()
    if not visit.may("invitation.secret") and (form.show_pin.data or await _is_by_hand(form)):
        raise wrong_role()
    live: list[InvitationRow] = []
    if form.validate():
        order = _order(form, visit.reach)
        try:
            async with submissions.once(_form_id(form), now=visit.now):
                live = await lifecycle.live_invitations(visit.desk, order, now=visit.now)
                _refuse_second(live, form)
                created = await lifecycle.create(visit.desk, order, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
            form.remedies = await remedies.of_invitation(visit, order, refusal.fields)
        except StaleState:
            return redirect(paths.INVITATIONS, "info", _("This form was sent already; here is what came of it."))
        else:
            where = paths.INVITATION(created.invitation.id)
            if created.pin:
                return await invitation.show_once(visit, created, _("The invitation was created."))
            return redirect(where, "success", _("The invitation was created."))
    return await _show(visit, form, live=live, status=422)


def _refuse_second(live: Sequence[InvitationRow], form: InvitationForm) -> None:
    """Raise InputRefused unless the form confirms that a person with a pending invitation gets another."""
    if live and form.despite.data != str(live[0].person_id):
        raise InputRefused({})


async def _is_by_hand(form: InvitationForm) -> bool:
    """Return whether the PIN would be shown to the administrator who sends this form."""
    policy = (await channels.policies()).get(form.mode.data or "", "")
    return (policy or form.pin_channel.data) in channels.BY_HAND


async def people(visit: Console) -> Response:
    """Return the people who match the text being typed, as choices for the field."""
    return await _show(visit, await InvitationForm().prepare(), block="people")


async def _show(
    visit: Console,
    form: InvitationForm,
    *,
    live: Sequence[InvitationRow] = (),
    status: int = 200,
    block: str | None = None,
) -> Response:
    if not visit.may("invitation.secret"):
        form.pin_channel.choices = PIN_CHANNELS_SENT
    asked = visit.request.query_params if block else {"recipient": form.recipient.data, "domain": form.domain.data}
    people = await picker.people(visit, asked.get("recipient") or "", asked.get("domain") or "")
    context = {
        "form": form,
        "live": live,
        "title_of": title_of,
        "people": people,
        "mode_summaries": {mode.name: mode_summary(mode) for mode in await enabled_modes()},
        "any_person": len(form.domain.choices) > 1 or bool(await list_people(limit=1, reach=visit.reach)),
    }
    return render(visit.request, "admin/manage/invitations/add.html", context, status=status, block=block)


def mode_summary(mode: Mode) -> str:
    """Return what a person needs for ``mode`` and how long the invitation is valid, in a sentence."""
    needs = _("The person needs %s.") % _join_and(factors(mode))
    lasts = (
        _("Valid for %d hours") % (mode.valid_for // HOUR) if mode.valid_for else _("Valid until it is used or revoked")
    )
    values = {"tries": mode.max_tries, "length": mode.pin_length}
    if mode.pin_letters:
        tries = _("; %(tries)d tries for a PIN of %(length)d letters and digits") % values
    else:
        tries = _("; %(tries)d tries for a PIN of %(length)d digits") % values
    return f"{needs} {lasts}{tries if mode.secret else ''}."


def _join_and(words: Iterable[str]) -> str:
    *first, last = words
    return _("%(first)s and %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def _order(form: InvitationForm, reach: Reach) -> orders.InvitationOrder:
    user = picker.with_domain(form.recipient.data, form.domain.data)
    return orders.InvitationOrder(user, form.terms(), form.show_pin.data, reach=reach)


def _form_id(form: InvitationForm) -> UUID:
    """Return the form's id; a random one when the form has none."""
    try:
        return UUID(form.form_id.data or "")
    except ValueError:
        return uuid4()
