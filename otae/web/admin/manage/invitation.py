"""The page of one invitation: its state, its timeline and the actions on it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from starlette.responses import PlainTextResponse, Response

from otae import paths, time_zones
from otae.errors import InputRefused, ModeOff, Refusal
from otae.invitations import cards, channels, lifecycle, resend_recipient, terms
from otae.invitations import recipient_changes as changes
from otae.invitations.channels import CARD
from otae.invitations.details import Details, InvitationRow, read
from otae.invitations.modes import title_of
from otae.mdm.devices import find_device
from otae.overview.progress import progress_of
from otae.store import carried_data
from otae.store.mode_table import MODES, has_pin
from otae.text import whole_number
from otae.translatable import N_
from otae.web.admin import remedies
from otae.web.admin.manage import pin_card, timeline
from otae.web.admin.manage import recipient_changes as since
from otae.web.admin.manage.statuses import OWNERSHIPS, PLATFORMS, STATUSES
from otae.web.admin.manage.waiting_for import wait_of
from otae.web.admin.page_parts import SENT_ALREADY, is_resubmitted, new_form_id
from otae.web.failures import NotFound
from otae.web.forms import Form, StringField, sent_fields
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import exact, span
from otae.words import gettext as _

TEMPLATE: Final = "admin/manage/invitations/show.html"


class ExtendForm(Form):
    """The new end of an invitation, in the viewer's zone; empty for the full validity of its mode."""

    until = StringField(N_("Works until"))

    def time(self) -> datetime | None:
        """Return the time that was entered, None when empty; InputRefused when it is no time."""
        try:
            return time_zones.read_time(self.until.data or "")
        except ValueError:
            raise InputRefused({"until": _("use a date and a time, such as 2026-12-24 18:00")}) from None


async def show(visit: Console) -> Response:
    """Show the page, or for its polling only the progress; 204 when nothing has changed."""
    details = await _details(visit)
    context = await _context(visit, details)
    if not is_fragment_request(visit.request):
        return render(visit.request, TEMPLATE, context)
    if visit.request.query_params.get("seen") == context["mark"]:
        return Response(status_code=204)
    return render(visit.request, TEMPLATE, context, block="progress")


async def show_once(visit: Console, created: lifecycle.Created, words: str) -> Response:
    """Show the page with the new PIN, or its card: the PIN is in this answer and nowhere else."""
    details = await _details(visit, created.invitation.id)
    if details.invitation.pin_channel == CARD:
        card = await cards.print_card(
            visit.desk, details.invitation, pin=created.pin or "", now=visit.now, actor=visit.actor
        )
        return await pin_card.show_cards(visit, [card], back=paths.INVITATION(details.invitation.id), words=words)
    context = await _context(visit, details) | {"pin": created.pin, "flash": {"kind": "success", "text": words}}
    return render(visit.request, TEMPLATE, context)


async def resend(visit: Console) -> Response:
    """Send link and a new PIN again.

    When the person's address has changed, ask first which one to use. A PIN that is delivered by hand is shown in the
    answer.
    """
    chosen = str((await sent_fields(visit.request)).get("address", ""))
    if not chosen:
        row = (await _details(visit)).invitation
        comparison = await changes.compare(visit.desk, row, now=visit.now)
        if not comparison.gone and any(each.field in resend_recipient.CONTACT_FIELDS for each in comparison.changes):
            return since.ask(visit, row, comparison)
    step = partial(lifecycle.resend, address=chosen or resend_recipient.NEW)
    return await _renew(visit, step, lambda _row: _("The invitation is being sent again."))


async def ask_extend(visit: Console) -> Response:
    """Show the form for a new end; its default is the full validity of the mode from now."""
    details = await _details(visit)
    end = await lifecycle.default_end(details.invitation, now=visit.now)
    return await _ask_extend(
        visit, details, ExtendForm(data={"until": time_zones.field_value(end + timedelta(seconds=59)) if end else ""})
    )


async def extend(visit: Console) -> Response:
    """Give the invitation a new end; one that had expired may get a new PIN, shown in the answer."""
    form = await ExtendForm.read(visit.request)
    details = await _details(visit)
    try:
        until = form.time()
        await lifecycle.check_end(until, now=visit.now)
    except InputRefused as refusal:
        form.refuse(InputRefused({"until": refusal.reasons}))
        return await _ask_extend(visit, details, form, status=422)
    step = partial(lifecycle.extend, until=until)
    return await _renew(visit, step, lambda row: _until(row.valid_until))


async def _ask_extend(visit: Console, details: Details, form: ExtendForm, *, status: int = 200) -> Response:
    row = details.invitation
    end = await lifecycle.default_end(row, now=visit.now)
    context = {
        "form": form,
        "invitation": row,
        "person": row.person,
        "form_id": new_form_id(),
        "works": _works(row, visit.now),
        "lasts": span(end - visit.now) if end else "",
        "soonest": time_zones.field_value(visit.now),
        "latest": time_zones.field_value(await terms.latest_end(visit.now)),
    }
    return render(visit.request, "admin/manage/invitations/extend.html", context, status=status)


def _until(end: datetime | None) -> str:
    return _("The invitation works until %s.") % exact(end) if end else _("The invitation works until it is used.")


async def _renew(
    visit: Console, step: Callable[..., Awaitable[lifecycle.Created]], said: Callable[[InvitationRow], str]
) -> Response:
    row = (await _details(visit)).invitation
    if await is_resubmitted(visit):
        return redirect(paths.INVITATION(row.id), "info", SENT_ALREADY)
    seen = visit.may("invitation.secret") and await channels.new_pin_is_by_hand(row)
    made: list[lifecycle.Created] = []

    async def do(row: InvitationRow) -> str:
        made.append(await step(visit.desk, row, now=visit.now, actor=visit.actor, show_pin=seen))
        words = said(made[0].invitation)
        note = _("Note: %s.") % made[0].words
        return f"{words} {note}" if made[0].words else words

    answer = await _do(visit, do)
    return await show_once(visit, made[0], said(made[0].invitation)) if made and made[0].pin else answer


async def revoke(visit: Console) -> Response:
    """Revoke the invitation."""

    async def do(row: InvitationRow) -> str:
        await lifecycle.revoke(visit.desk, row, now=visit.now, actor=visit.actor)
        return _("The invitation is revoked.")

    return await _do(visit, do)


async def link(visit: Console) -> Response:
    """Return the link for somebody to pass on: as text for the script that copies it, else on the page.

    The request is recorded in the timeline and the audit log.
    """
    details = await _details(visit)
    try:
        url = await lifecycle.copy_link(visit.desk, details.invitation, now=visit.now, actor=visit.actor)
    except Refusal as refusal:
        return redirect(paths.INVITATION(details.invitation.id), "danger", _(refusal.words))
    if visit.request.headers.get("accept") == "text/plain":
        return PlainTextResponse(url)
    context = await _context(visit, await _details(visit))
    return render(visit.request, TEMPLATE, context | {"url": url})


async def _do(visit: Console, step: Callable[[InvitationRow], Awaitable[str]]) -> Response:
    details = await _details(visit)
    try:
        done = await step(details.invitation)
    except InputRefused as refusal:
        row = details.invitation
        helps = (
            remedies.of_person(visit, row.person, row.mode)
            if {"recipient", "pin_channel"} & set(refusal.fields)
            else []
        )
        link = next(((each.href, each.words) for each in helps), None)
        return redirect(paths.INVITATION(row.id), "danger", _("Not done: %s.") % _(refusal.reasons), link=link)
    except ModeOff as refusal:
        link = remedies.PAGES["mode"][:2] if visit.may("setting.see") else None
        return redirect(paths.INVITATION(details.invitation.id), "danger", _(refusal.words), link=link)
    except Refusal as refusal:
        return redirect(paths.INVITATION(details.invitation.id), "danger", _(refusal.words))
    return redirect(paths.INVITATION(details.invitation.id), "success", done)


async def _details(visit: Console, wanted: UUID | None = None) -> Details:
    found = await read(wanted or visit.request.path_params["id"], visit.reach, before=_before(visit))
    if found is None:
        raise NotFound
    return found


def _before(visit: Console) -> int | None:
    """Return the id of the event before which the timeline is shown; None for its end."""
    return whole_number(visit.request.query_params.get("before", ""))


async def _context(visit: Console, details: Details) -> dict[str, object]:
    row, session = details.invitation, details.session
    final, waits = details.is_final(visit.now), wait_of(details, visit.now)
    last = details.events[-1].id if details.events else 0
    messages = "-".join(f"{kind}:{each.status}" for kind, each in sorted(details.deliveries.items()))
    return {
        "details": details,
        "invitation": row,
        "person": row.person,
        "session": session,
        "device": await find_device(session.udid, visit.reach) if session and session.udid else None,
        "progress": (await progress_of([row], now=visit.now))[row.id],
        "groups": timeline.groups(details.events),
        "waits": waits,
        "final": final,
        "before": _before(visit),
        "older": details.events[0].id if details.older else None,
        "mark": f"{last}.{row.status}.{messages}.{waits.minutes(visit.now) if waits else 'still'}",
        "form_id": new_form_id(),
        "status": STATUSES.get(row.status, row.status),
        "mode": title_of(row.mode),
        "ownership": OWNERSHIPS.get(row.ownership, row.ownership),
        "platform": PLATFORMS.get(row.platform, row.platform),
        "ended": row.status in {"redeemed", "revoked"},
        "usable": _works(row, visit.now),
        "extendable": row.status != "pending" or row.valid_until is not None,
        "pin_state": _pin_state(details),
        "pin_way": _(channels.CHANNEL_PHRASES.get(row.pin_channel, row.pin_channel)),
        "printable": row.mode in MODES and not MODES[row.mode].token,
        "card_next": row.pin_channel == CARD and not row.card_code_hash and not details.pin_works,
        "carried": carried_data.facts(row),
        "pin": None,
        "url": None,
    }


def _pin_state(details: Details) -> str:
    """Return whether the PIN works, in words; "" where the mode has no PIN or the invitation has ended."""
    row = details.invitation
    if row.status in {"redeemed", "revoked"} or not has_pin(row.mode):
        return ""
    message = details.deliveries.get("pin")
    if details.pin_works and message and message.status in {"failed", "bounced", "cancelled"}:
        return _("did not reach the person")
    return _("works") if details.pin_works else _("none that works")


def _works(row: InvitationRow, now: datetime) -> bool:
    return row.status == "pending" and (row.valid_until is None or row.valid_until > now)
