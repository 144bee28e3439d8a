"""Group invitations: the order, its dry run, its progress, and the result for each person."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from starlette.responses import Response

from otae import paths, time_zones
from otae.directory.files.provisioning import ImportRow
from otae.directory.local import groups as directory
from otae.errors import InputRefused, StaleState
from otae.invitations import campaigns, cards, csv_columns, exports, groups, previews, results
from otae.invitations.groups import GroupInvitationRow, GroupOrder, Status
from otae.invitations.modes import default_mode, enabled_modes, title_of
from otae.invitations.previews import InvitationPreview
from otae.invitations.results import OrderProgress
from otae.translatable import N_
from otae.web.admin import remedies
from otae.web.admin.manage import picker
from otae.web.admin.manage.invitations import message_page, mode_summary
from otae.web.admin.manage.statuses import OWNERSHIPS, STATUSES
from otae.web.admin.page_parts import choice_param, download, int_param, new_form_id, or_not_found, row_id, text_param
from otae.web.admin.terms_form import CHOOSE, PIN_CHANNELS_OF_MANY, TermsForm
from otae.web.forms import (
    BooleanField,
    Form,
    InputRequired,
    Length,
    Optional,
    SelectField,
    StringField,
    TimeField,
    sent_fields,
)
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, tally

PAGE: Final = 50
#: The highest number a row can have in an address.
MOST: Final = 10_000_000

#: Status of a group invitation → its title.
STATUS_TITLES: Final = {
    "reading": N_("Reading the file"),
    "matching": N_("Columns to be checked"),
    "dry-run": N_("Looking people up"),
    "ready": N_("Ready, nothing sent yet"),
    "expanding": N_("Inviting"),
    "paused": N_("Paused"),
    "sending": N_("Sending"),
    "done": N_("Done"),
    "cancelled": N_("Cancelled"),
}
#: Reason why somebody is not invited → its text in the list.
REASONS: Final = {code: N_(words) for code, words in results.WHY.items()}
#: Filter of the list of people → its title.
SHOWN: Final = {
    "": N_("All"),
    "waiting": N_("Waiting"),
    "invited": N_("Invited"),
    "skipped": N_("Not invited"),
    "failed": N_("Not delivered"),
    "redeemed": N_("Redeemed"),
}
#: The same for the people of a campaign.
SHOWN_OF_CAMPAIGN: Final = SHOWN | {
    "open": N_("Still to enroll"),
    "later": N_("Wait for a wave"),
    "held": N_("Wait for an answer"),
    "left": N_("Left the group"),
}
MAILS: Final = {
    "queued": N_("queued"),
    "sending": N_("sending"),
    "sent": N_("sent"),
    "bounced": N_("bounced"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
}


class GroupInvitationForm(TermsForm):
    """Which group to invite; everything else as for one person."""

    recipient = None
    serial = None
    asset_tag = None
    carrier = None
    group = StringField(N_("Group"), [InputRequired(N_("Enter a group.")), Length(max=201)])
    include_pending = BooleanField(N_("Also invite people who have a pending invitation"))
    include_enrolled = BooleanField(N_("Also invite people who have an enrolled Mac"))
    pin_channel = SelectField(N_("PIN by"), invalid_choice_message=CHOOSE, choices=PIN_CHANNELS_OF_MANY, default="")

    def order(self, name: str) -> GroupOrder:
        """Return the order that was entered; the form's id is its idempotency key.

        Args:
            name: Of the group or the file.
        """
        return self.entered(GroupOrder, group=name, key=self.form_id.data, terms=self.terms())


class ScheduleForm(Form):
    """When an order starts by itself; empty for when somebody starts it."""

    start_at = TimeField(N_("Start at"), [Optional()])


async def index(visit: Console) -> Response:
    """List group invitations, newest first."""
    text = text_param(visit.request, "before")
    rows = await groups.list_orders(_uuid(text), PAGE + 1, reach=visit.reach)
    shown = rows[:PAGE]
    context = {
        "rows": shown,
        "status_titles": STATUS_TITLES,
        "title_of": title_of,
        "first": paths.GROUP_INVITATIONS if text else "",
        "more": paths.GROUP_INVITATIONS(before=shown[-1].id) if len(rows) > PAGE else "",
    }
    return render(visit.request, "admin/manage/group-invitations/index.html", context)


async def blank(visit: Console) -> Response:
    """Show an empty form; the address may name the group."""
    chosen = {"form_id": str(uuid4()), "mode": (await default_mode()).name, "group": text_param(visit.request, "group")}
    return await ask(visit, await GroupInvitationForm(data=chosen).prepare())


async def add(visit: Console) -> Response:
    """Create the order and start its dry run; the same form sent twice is one order."""
    form = await (await GroupInvitationForm.read(visit.request)).prepare()
    if form.validate():
        try:
            order = form.order(picker.with_domain(form.group.data, form.domain.data))
            row = await groups.order(visit.desk, order, now=visit.now, actor=visit.actor, reach=visit.reach)
        except InputRefused as refusal:
            form.refuse(refusal)
            form.remedies = remedies.of_terms(visit, refusal.fields)
        else:
            return redirect(paths.GROUP_INVITATION(row.id))
    return await ask(visit, form, status=422)


async def search_groups(visit: Console) -> Response:
    """Return the groups that match the text being typed, as choices for the field."""
    return await ask(visit, await GroupInvitationForm().prepare(), block="groups")


async def draft(visit: Console) -> Response:
    """Return the summary of the order that is being entered, for the page of its form."""
    form = await (await GroupInvitationForm.read(visit.request)).prepare()
    return await ask(visit, form, block="summary")


async def draft_mail(visit: Console) -> Response:
    """Return a message of the order that is being entered, to a person of sample values, for the frame beside it."""
    form = await (await GroupInvitationForm.read(visit.request)).prepare()
    return await message_page(visit, await _preview(visit, form))


async def _preview(visit: Console, form: GroupInvitationForm) -> InvitationPreview | None:
    return await previews.preview(visit.desk, form.terms(), "", now=visit.now, actor=visit.actor, reach=visit.reach)


async def _reached(visit: Console, form: GroupInvitationForm) -> str:
    """Return in words whom an order reaches; a directory is not asked for it."""
    if form.group is None or (is_fragment_request(visit.request) and "group" not in await sent_fields(visit.request)):
        return _("The people in the file. The dry run says who is invited and who is not.")
    typed = picker.with_domain(form.group.data or "", form.domain.data or "")
    if not typed.strip():
        return _("Choose a group.")
    group = await directory.find_group(typed, reach=visit.reach)
    if group is None:
        return _("%(name)s, as it is looked up when the form is sent.") % {"name": typed}
    people = ngettext("%(count)s person", "%(count)s people", group.members) % {"count": tally(group.members)}
    return f"{group.name}: {people}"


async def show(visit: Console) -> Response:
    """Show the progress of an order and its people; for polling only the block with both."""
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    if row.status == Status.MATCHING and visit.may("group-invitation.create"):
        return redirect(paths.GROUP_INVITATION_COLUMNS(row.id))
    return await _show(visit, row)


async def _show(
    visit: Console, row: GroupInvitationRow, schedule: ScheduleForm | None = None, *, status: int = 200
) -> Response:
    counted, campaign = await results.progress(row, now=visit.now), await campaigns.of_order(row)
    context: dict[str, object] = {
        "campaign": campaign,
        "cards_left": await cards.left_to_print(row, now=visit.now, reach=visit.reach),
        "sheet": cards.CARDS_AT_ONCE,
        "form_id": new_form_id(),
        "schedule": schedule or ScheduleForm(),
        "given": csv_columns.shown,
        "soonest": time_zones.field_value(visit.now),
        "row": row,
        "counted": counted,
        "mark": _mark(row, counted),
        "status_titles": STATUS_TITLES,
        "reasons": REASONS,
    }
    context |= {"final": row.status in groups.ENDED, "title_of": title_of}
    context |= {"idle": row.status in {Status.READY, Status.PAUSED}, "ownerships": OWNERSHIPS}
    part = is_fragment_request(visit.request)
    if part and visit.request.query_params.get("seen") == context["mark"]:
        return Response(status_code=204)
    shown_of = SHOWN_OF_CAMPAIGN if campaign else SHOWN
    wanted, after = choice_param(visit.request, "show", shown_of), int_param(visit.request, "after", MOST)
    people = await results.results(row, show=wanted, after=after, limit=PAGE + 1, reach=visit.reach)
    shown = people[:PAGE]
    context |= {"people": shown, "wanted": wanted, "shown": shown_of, "mails": MAILS, "statuses": STATUSES}
    context |= {
        "first": paths.GROUP_INVITATION(row.id, show=wanted) if after else "",
        "more": paths.GROUP_INVITATION(row.id, show=wanted, after=shown[-1].invitee.number)
        if len(people) > PAGE
        else "",
        "again": paths.GROUP_INVITATION(row.id, show=wanted, after=after, seen=context["mark"]),
    }
    block = "news" if part else None
    return render(visit.request, "admin/manage/group-invitations/show.html", context, block=block, status=status)


async def mail(visit: Console) -> Response:
    """Show a preview of the mail to one person of an order, without link and PIN."""
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    number = visit.request.path_params["number"]
    shown = await results.previews(visit.desk, row, number, now=visit.now, reach=visit.reach)
    context = {"row": row, "mails": or_not_found(shown or None)}
    return render(visit.request, "admin/manage/group-invitations/mail.html", context)


async def export(visit: Console) -> Response:
    """Stream the listed people of an order as CSV."""
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    parts = exports.group_results(row, choice_param(visit.request, "show", SHOWN_OF_CAMPAIGN), reach=visit.reach)
    return download(parts, f"group-invitation-{row.id}.csv")


async def start(visit: Console) -> Response:
    """Start inviting."""
    return await _do(visit, partial(groups.start, visit.desk))


async def schedule(visit: Console) -> Response:
    """Have the order start by itself at the time that was entered, or no longer when none was."""
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    form = await ScheduleForm.read(visit.request)
    if form.validate():
        with form.refusals():
            return await _do(visit, partial(groups.schedule, at=form.start_at.data))
    return await _show(visit, row, form, status=422)


async def set_invited(visit: Console) -> Response:
    """Take one person out of the order, or put them back."""
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    number, invited = visit.request.path_params["number"], bool((await sent_fields(visit.request)).get("invited"))
    done = await groups.set_invited(row, number, invited=invited, now=visit.now, actor=visit.actor, reach=visit.reach)
    where = f"{paths.GROUP_INVITATION(row.id, after=max(number - 1, 0))}#person-{number}"
    if done:
        return redirect(where)
    return redirect(where, "warning", _("This person was invited or taken out a moment ago."))


async def pause(visit: Console) -> Response:
    """Pause: invite nobody further for now."""
    return await _do(visit, groups.pause)


async def resume(visit: Console) -> Response:
    """Resume inviting."""
    return await _do(visit, partial(groups.resume, visit.desk))


async def cancel(visit: Console) -> Response:
    """Cancel: invite nobody further."""
    return await _do(visit, groups.cancel)


async def _do(visit: Console, change: Callable[..., Awaitable[None]]) -> Response:
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    if campaign := await campaigns.of_order(row):
        return redirect(paths.CAMPAIGN(campaign.id), "warning", _("This is done on the page of its campaign."))
    try:
        await change(row, now=visit.now, actor=visit.actor)
    except StaleState:
        return redirect(
            paths.GROUP_INVITATION(row.id), "warning", _("It changed meanwhile; this is its present state.")
        )
    return redirect(paths.GROUP_INVITATION(row.id))


async def ask(
    visit: Console,
    form: GroupInvitationForm,
    *,
    imported: ImportRow | None = None,
    status: int = 200,
    block: str | None = None,
) -> Response:
    """Show the form of an order, for a file without a group; ``imported``: the import whose people are invited."""
    context = await form_context(visit, form, block=block) | {"imported": imported}
    return render(visit.request, "admin/manage/group-invitations/add.html", context, status=status, block=block)


async def form_context(visit: Console, form: GroupInvitationForm, *, block: str | None = None) -> dict[str, object]:
    """Return what the template of an order's form needs; with ``block`` what was typed is in the address."""
    context = {
        "form": form,
        "csv": form.group is None,
        "modes": {mode.name: mode for mode in await enabled_modes()},
        "mode_summary": mode_summary,
        "ownerships": OWNERSHIPS,
        "draft": paths.GROUP_INVITATION_PREVIEW,
        "draft_mail": paths.GROUP_INVITATION_PREVIEW_MAIL,
    }
    if block != "groups":
        context |= {"shown": await _preview(visit, form), "reached": await _reached(visit, form)}
    if form.group is not None and block != "summary":
        typed = visit.request.query_params if block else {"group": form.group.data, "domain": form.domain.data}
        context["groups"] = await picker.groups_of(visit, typed.get("group") or "", typed.get("domain") or "")
        context["any_group"] = len(form.domain.choices) > 1 or bool(
            await directory.list_groups(limit=1, reach=visit.reach)
        )
    return context


def _mark(row: GroupInvitationRow, counted: OrderProgress) -> str:
    """Return a string that changes whenever what the page shows changes."""
    messages = "-".join(str(each) for each in counted.messages.values())
    return (
        f"{row.status}-{row.found}-{counted.waiting}-{counted.invited}-{messages}-{counted.deferred}-{counted.rate:.1f}"
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
