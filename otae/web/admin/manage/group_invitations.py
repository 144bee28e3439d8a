"""Group invitations: the order, its dry run, how far it is, and what became of each person."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID, uuid4

from starlette.datastructures import UploadFile
from starlette.responses import Response

from otae.directory import groups as directory
from otae.errors import InputRefused, StaleState
from otae.invitations import csv_source, exports, groups, results
from otae.invitations.groups import GroupInvitationRow, GroupOrder, Status
from otae.invitations.modes import default_mode, enabled_modes, title_of
from otae.invitations.results import Progress
from otae.web.admin import remedies
from otae.web.admin.manage import picker
from otae.web.admin.manage.invitations import sentence
from otae.web.admin.manage.statuses import OWNERSHIPS, STATUSES
from otae.web.admin.page_parts import address, asked, download, found, number, one_of, row_id
from otae.web.admin.terms_form import CHOOSE, PIN_CHANNELS_SENT, TermsForm
from otae.web.forms import BooleanField, FileField, InputRequired, Length, SelectField, StringField
from otae.web.guards import Console
from otae.web.pages import go, render, wants_part
from otae.web.paths import UPLOAD_CAP
from otae.words import gettext as _

WHERE: Final = "/admin/group-invitations"
PAGE: Final = 50
#: The highest number a row can have in an address.
MOST: Final = 10_000_000

#: Where a file of people is sent to.
CSV: Final = f"{WHERE}/csv/upload"

#: Where a group invitation stands → its word.
STANDS: Final = {
    "reading": _("Reading the file"),
    "dry-run": _("Looking people up"),
    "ready": _("Ready, nothing sent yet"),
    "expanding": _("Inviting"),
    "paused": _("Paused"),
    "sending": _("Sending"),
    "done": _("Done"),
    "cancelled": _("Cancelled"),
}
#: Why somebody is not invited → what stands in the list.
REASONS: Final = {code: _(words) for code, words in results.WHY.items()}
#: What the list of people can be narrowed to → its word.
SHOWN: Final = {
    "": _("All"),
    "waiting": _("Waiting"),
    "invited": _("Invited"),
    "skipped": _("Not invited"),
    "failed": _("Not delivered"),
    "redeemed": _("Redeemed"),
}
MAILS: Final = {
    "queued": _("queued"),
    "sending": _("sending"),
    "sent": _("sent"),
    "bounced": _("bounced"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
}


class GroupInvitationForm(TermsForm):
    """Which group to invite, and how; everything else as for one person."""

    recipient = None
    serial = None
    carrier = None
    pin_channel = SelectField(_("PIN by"), invalid_choice_message=CHOOSE, choices=PIN_CHANNELS_SENT, default="")
    group = StringField(_("Group"), [InputRequired(_("Enter a group.")), Length(max=201)])
    include_pending = BooleanField(_("Invite also who has an invitation that waits"))
    include_enrolled = BooleanField(_("Invite also who has an enrolled Mac"))

    def order(self, name: str) -> GroupOrder:
        """Return what was entered, as the room takes it; the form's own id is the key. ``name``: of group or file."""
        return self.entered(GroupOrder, group=name, key=self.form_id.data, terms=self.terms())


class CSVForm(GroupInvitationForm):
    """A file of people, and which of its columns name them."""

    domain = None
    group = None
    file = FileField(_("CSV file"))
    user_column = StringField(_("Column with the user name"), [Length(max=100)])
    email_column = StringField(_("Column with the e-mail address"), [Length(max=100)])
    domain_column = StringField(_("Column with the domain"), [Length(max=100)])


async def index(visit: Console) -> Response:
    """List group invitations, newest first."""
    text = asked(visit.request, "before")
    rows = await groups.list_orders(_uuid(text), PAGE + 1, reach=visit.reach)
    shown = rows[:PAGE]
    context = {
        "rows": shown,
        "stands": STANDS,
        "title_of": title_of,
        "first": WHERE if text else "",
        "more": address(WHERE, before=shown[-1].id) if len(rows) > PAGE else "",
    }
    return render(visit.request, "admin/manage/group-invitations/index.html", context)


async def blank(visit: Console) -> Response:
    """Show an empty form; an address may name the group."""
    chosen = {"form_id": str(uuid4()), "mode": (await default_mode()).name, "group": asked(visit.request, "group")}
    return await _ask(visit, await GroupInvitationForm(data=chosen).prepare())


async def add(visit: Console) -> Response:
    """Take the order and begin its dry run; the same form sent twice is one order."""
    form = await (await GroupInvitationForm.read(visit.request)).prepare()
    if form.validate():
        try:
            order = form.order(picker.named(form.group.data, form.domain.data))
            row = await groups.order(visit.desk, order, now=visit.now, actor=visit.actor, reach=visit.reach)
        except InputRefused as refusal:
            form.refuse(refusal)
            form.remedies = remedies.of_terms(visit, refusal.fields)
        else:
            return go(f"{WHERE}/{row.id}")
    return await _ask(visit, form, status=422)


async def fitting(visit: Console) -> Response:
    """Return groups that fit what is being typed, as choices for the field."""
    return await _ask(visit, await GroupInvitationForm().prepare(), block="groups")


async def blank_csv(visit: Console) -> Response:
    """Ask for a file of people."""
    chosen = {"form_id": str(uuid4()), "mode": (await default_mode()).name}
    return await _ask(visit, await CSVForm(data=chosen).prepare())


async def take_csv(visit: Console) -> Response:
    """Take a file of people and begin its dry run."""
    async with visit.request.form(
        max_files=1, max_fields=30, max_part_size=UPLOAD_CAP
    ) as sent:  # its file is read below
        form, chosen = await (await CSVForm.read(visit.request)).prepare(), sent.get("file")
        if not isinstance(chosen, UploadFile) or not chosen.filename:
            form.validate()
            form.refuse(InputRefused({"file": _("choose a file")}))
        elif form.validate():
            asked_for = (form.user_column, form.email_column, form.domain_column)
            columns = csv_source.Columns(*(field.data or "" for field in asked_for))
            order = form.order(chosen.filename)
            try:
                row = await csv_source.order_from_file(
                    visit.desk, order, chosen.file, columns, now=visit.now, actor=visit.actor
                )  # fmt: skip
            except InputRefused as refusal:
                form.refuse(refusal)
            else:
                return go(f"{WHERE}/{row.id}")
    return await _ask(visit, form, status=422)


async def show(visit: Console) -> Response:
    """Show how far an order is, and its people; both as a block when it asks for news."""
    row = found(await groups.find(row_id(visit.request), visit.reach))
    counted = await results.progress(row, now=visit.now)
    context = {"row": row, "counted": counted, "mark": _mark(row, counted), "stands": STANDS, "reasons": REASONS}
    context |= {"final": row.status in groups.ENDED, "here": f"{WHERE}/{row.id}", "title_of": title_of}
    context |= {"still": row.status in {Status.READY, Status.PAUSED}, "ownerships": OWNERSHIPS}
    part = wants_part(visit.request)
    if part and visit.request.query_params.get("seen") == context["mark"]:
        return Response(status_code=204)
    here, wanted, after = (
        f"{WHERE}/{row.id}",
        one_of(visit.request, "show", SHOWN),
        number(visit.request, "after", MOST),
    )
    people = await results.results(row, show=wanted, after=after, limit=PAGE + 1, reach=visit.reach)
    shown = people[:PAGE]
    context |= {"people": shown, "wanted": wanted, "shown": SHOWN, "mails": MAILS, "statuses": STATUSES}
    context |= {
        "first": address(here, show=wanted) if after else "",
        "more": address(here, show=wanted, after=shown[-1].invitee.number) if len(people) > PAGE else "",
        "again": address(here, show=wanted, after=after, seen=context["mark"]),
    }
    return render(visit.request, "admin/manage/group-invitations/show.html", context, block="news" if part else None)


async def mail(visit: Console) -> Response:
    """Show what one person of an order is mailed, link and PIN left open."""
    row = found(await groups.find(row_id(visit.request), visit.reach))
    number = visit.request.path_params["number"]
    shown = await results.previews(visit.desk, row, number, now=visit.now, reach=visit.reach)
    context = {"row": row, "here": f"{WHERE}/{row.id}", "mails": found(shown or None)}
    return render(visit.request, "admin/manage/group-invitations/mail.html", context)


async def export(visit: Console) -> Response:
    """Hand the people of an order out as CSV, as they are listed; it is written while it is read."""
    row = found(await groups.find(row_id(visit.request), visit.reach))
    parts = exports.group_results(row, one_of(visit.request, "show", SHOWN), reach=visit.reach)
    return download(parts, f"group-invitation-{row.id}.csv")


async def start(visit: Console) -> Response:
    """Begin to invite."""
    return await _do(visit, partial(groups.start, visit.desk))


async def pause(visit: Console) -> Response:
    """Invite nobody further for now."""
    return await _do(visit, groups.pause)


async def resume(visit: Console) -> Response:
    """Go on."""
    return await _do(visit, partial(groups.resume, visit.desk))


async def cancel(visit: Console) -> Response:
    """Invite nobody further, for good."""
    return await _do(visit, groups.cancel)


#: What can be done to an order, by the last part of its address.
STEPS: Final = {"start": start, "pause": pause, "resume": resume, "cancel": cancel}


async def _do(visit: Console, change: Callable[..., Awaitable[None]]) -> Response:
    row = found(await groups.find(row_id(visit.request), visit.reach))
    try:
        await change(row, now=visit.now, actor=visit.actor)
    except StaleState:
        return go(f"{WHERE}/{row.id}", "warning", _("It had moved on meanwhile; here is where it stands."))
    return go(f"{WHERE}/{row.id}")


async def _ask(visit: Console, form: GroupInvitationForm, *, status: int = 200, block: str | None = None) -> Response:
    context = {
        "form": form,
        "csv": isinstance(form, CSVForm),
        "sentences": {mode.name: sentence(mode) for mode in await enabled_modes()},
    }
    if form.group is not None:
        typed = visit.request.query_params if block else {"group": form.group.data, "domain": form.domain.data}
        context["groups"] = await picker.groups_of(visit, typed.get("group") or "", typed.get("domain") or "")
        context["any_group"] = len(form.domain.choices) > 1 or bool(
            await directory.list_groups(limit=1, reach=visit.reach)
        )
    return render(visit.request, "admin/manage/group-invitations/add.html", context, status=status, block=block)


def _mark(row: GroupInvitationRow, counted: Progress) -> str:
    """Return a text that changes when what is shown changes."""
    messages = "-".join(str(each) for each in counted.messages.values())
    return (
        f"{row.status}-{row.found}-{counted.waiting}-{counted.invited}-{messages}-{counted.deferred}-{counted.rate:.1f}"
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
