"""Settings → Serial numbers: the organization's Macs, and those that may not enroll."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from otae import paths
from otae.directory.files.spreadsheets import to_csv
from otae.invitations import serial_files, serial_lists
from otae.invitations.serial_lists import COMPANY, KINDS, LONGEST_NOTE
from otae.mdm import devices
from otae.store import properties
from otae.text import cleaned_line
from otae.translatable import N_
from otae.web.admin.page_parts import choice_param, download, text_param
from otae.web.callers import UPLOAD_CAP
from otae.web.failures import NotFound
from otae.web.forms import FileField, Form, HiddenField, Length, SelectField, StringField, TextAreaField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext

PAGE: Final = 50
#: The server properties that say what the lists do, shown above them.
RULES: Final = ("macos.company.serials", "enrollment.employee", "enrollment.macs")
HEADINGS: Final = ("serial", "note", "added_by", "added_at")


class SerialsForm(Form):
    """Serial numbers to put on a list."""

    kind = SelectField(N_("List"), choices=KINDS)
    serials = TextAreaField(N_("Serial numbers"))
    file = FileField(N_("Or a file"))
    note = StringField(N_("Note"), [Length(max=LONGEST_NOTE)])


class RemovalForm(Form):
    """The serial number to take off its list."""

    serial = HiddenField(validators=[Length(max=64)])


async def index(visit: Console) -> Response:
    """Show a page of one of the lists, and the form for more serial numbers."""
    kind = _kind(visit)
    return await _page(visit, SerialsForm(data={"kind": kind}), kind)


async def add(visit: Console) -> Response:
    """Put what was entered, and what is in the file, on a list."""
    async with visit.request.form(max_files=1, max_fields=10, max_part_size=UPLOAD_CAP) as sent:
        form, file = await SerialsForm.read(visit.request), sent.get("file")
        if form.validate():
            with form.refusals():
                has_file = isinstance(file, UploadFile) and bool(file.filename)
                serials = serial_files.read_text(form.serials.data or "")
                serials += serial_files.read_file(file.file) if isinstance(file, UploadFile) and has_file else []
                field = "file" if has_file and not (form.serials.data or "").strip() else "serials"
                added = await serial_lists.add(
                    form.kind.data, serials, note=form.note.data or "", now=visit.now, actor=visit.actor, field=field
                )
                said = ngettext("%d serial number was added.", "%d serial numbers were added.", added.new) % added.new
                if added.moved:
                    moved = ngettext("%d was on the other list.", "%d were on the other list.", added.moved)
                    said += " " + moved % added.moved
                if added.known:
                    known = ngettext("%d was there already.", "%d were there already.", added.known)
                    said += " " + known % added.known
                return redirect(paths.SERIALS(list=form.kind.data), "success", said)
    return await _page(visit, form, form.kind.data if form.kind.data in KINDS else COMPANY, status=422)


async def remove(visit: Console) -> Response:
    """Take one serial number off its list."""
    serial = cleaned_line((await RemovalForm.read(visit.request)).serial.data or "")
    kind = (await serial_lists.kinds_of([serial])).get(serial_lists.key_of(serial), COMPANY)
    if not await serial_lists.remove([serial], now=visit.now, actor=visit.actor):
        raise NotFound
    return redirect(paths.SERIALS(list=kind), "success", _("%s was taken off the list.") % serial)


async def export(visit: Console) -> Response:
    """Stream one of the lists as CSV."""
    kind = _kind(visit)
    return download(_rows(kind), f"serial-numbers-{kind}.csv")


async def _rows(kind: str) -> AsyncIterator[str]:
    yield to_csv([HEADINGS])
    async for page in serial_lists.every_row(kind):
        yield to_csv((row.serial, row.note, row.created_by, row.created_at.isoformat()) for row in page)


def _kind(visit: Console) -> str:
    return choice_param(visit.request, "list", {"", *KINDS}) or COMPANY


async def _page(visit: Console, form: SerialsForm, kind: str, *, status: int = 200) -> Response:
    search, after = text_param(visit.request, "q"), text_param(visit.request, "after")
    rows = await serial_lists.read_page(kind, search, after, PAGE + 1)
    shown = rows[:PAGE]
    more = paths.SERIALS(list=kind, q=search, after=shown[-1].key) if len(rows) > PAGE else ""
    context = {
        "form": form,
        "kind": kind,
        "kinds": KINDS,
        "rows": shown,
        "macs": await devices.udids_of([row.serial for row in shown]) if visit.may("device.see") else {},
        "counts": {each: await serial_lists.count(each) for each in KINDS},
        "rules": await properties.read_some(*RULES),
        "search": search,
        "first": paths.SERIALS(list=kind, q=search) if after else "",
        "more": more,
    }
    return render(visit.request, "admin/settings/serials/index.html", context, status=status)
