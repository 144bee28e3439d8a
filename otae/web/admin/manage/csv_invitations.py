"""Group invitations for a file of people: the file, and what its columns are read as."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid4

from starlette.datastructures import UploadFile
from starlette.responses import Response

from otae import paths
from otae.directory.files import provisioning
from otae.directory.files.provisioning import ImportRow
from otae.errors import InputRefused, StaleState
from otae.invitations import csv_columns, csv_source, groups
from otae.invitations.groups import GroupInvitationRow, Status
from otae.invitations.modes import default_mode
from otae.text import whole_number
from otae.translatable import N_
from otae.web.admin.manage import group_invitations
from otae.web.admin.manage.group_invitations import REASONS, GroupInvitationForm
from otae.web.admin.page_parts import or_not_found, row_id
from otae.web.callers import UPLOAD_CAP
from otae.web.failures import NotFound
from otae.web.forms import FileField, HiddenField, sent_fields
from otae.web.guards import wrong_role
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

ADD_PEOPLE: Final = "add_people"


class CSVForm(GroupInvitationForm):
    """A CSV file of people. ``imported``: the id of an import of users whose people are invited instead."""

    domain = None
    group = None
    file = FileField(N_("CSV file"))
    imported = HiddenField()


async def blank(visit: Console) -> Response:
    """Show the form for a file; the address may name an import of users instead."""
    imported = await _imported(visit, visit.request.query_params.get("imported", ""))
    chosen = {
        "form_id": str(uuid4()),
        "mode": (await default_mode()).name,
        "imported": str(imported.id) if imported else "",
    }
    return await group_invitations.ask(visit, await CSVForm(data=chosen).prepare(), imported=imported)


async def add(visit: Console) -> Response:
    """Create the order: of a file, whose columns are shown next, or of the people of an import."""
    async with visit.request.form(max_files=1, max_fields=40, max_part_size=UPLOAD_CAP) as sent:
        form = await (await CSVForm.read(visit.request)).prepare()
        imported, chosen = await _imported(visit, form.imported.data or ""), sent.get("file")
        file = chosen if isinstance(chosen, UploadFile) and chosen.filename else None
        if form.validate():
            with form.refusals():
                row = await _store(visit, form, file, imported)
                matching = row.status == Status.MATCHING
                return redirect((paths.GROUP_INVITATION_COLUMNS if matching else paths.GROUP_INVITATION)(row.id))
    return await group_invitations.ask(visit, form, imported=imported, status=422)


async def show(visit: Console) -> Response:
    """Show what the columns of a file are read as, and its first lines read like that, before anything is done.

    The address may name other columns: by them the lines are read anew.
    """
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    if row.status != Status.MATCHING:
        return redirect(paths.GROUP_INVITATION(row.id))
    query = visit.request.query_params
    columns = _columns(query) if query else (row.file or {})["columns"]
    return await _show(visit, row, columns, add_people=ADD_PEOPLE in query)


async def match(visit: Console) -> Response:
    """Agree to the columns and start the dry run."""
    row = or_not_found(await groups.find(row_id(visit.request), visit.reach))
    sent = await sent_fields(visit.request)
    columns = _columns({name: str(value) for name, value in sent.items()})
    add_people = ADD_PEOPLE in sent
    if add_people and not visit.may("person.edit"):
        raise wrong_role()
    try:
        await csv_source.match(visit.desk, row, columns, add_people=add_people, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        return await _show(visit, row, columns, add_people=add_people, wrong=refusal.fields)
    except StaleState:
        return redirect(
            paths.GROUP_INVITATION(row.id), "warning", _("It changed meanwhile; this is its present state.")
        )
    return redirect(paths.GROUP_INVITATION(row.id))


async def _show(
    visit: Console,
    row: GroupInvitationRow,
    columns: Mapping[str, int],
    *,
    add_people: bool,
    wrong: Mapping[str, str] | None = None,
) -> Response:
    headings = (row.file or {})["headings"]
    lines = await csv_source.preview(row, columns, now=visit.now)
    context = {
        "row": row,
        "fields": csv_columns.FIELDS,
        "headings": headings,
        "columns": columns,
        "wrong": wrong or {},
        "add_people": add_people,
        "lines": [(line, csv_columns.shown(line.given)) for line in lines],
        "reasons": REASONS,
    }
    block = "preview" if is_fragment_request(visit.request) else None
    template = "admin/manage/group-invitations/columns.html"
    return render(visit.request, template, context, status=422 if wrong else 200, block=block)


def _columns(sent: Mapping[str, str]) -> dict[str, int]:
    """Return the index of the column that was chosen for each field; a field without one is left out."""
    chosen = {field: whole_number(sent.get(f"column_{field}", "")) for field in csv_columns.FIELDS}
    return {field: at for field, at in chosen.items() if at is not None}


async def _store(
    visit: Console, form: CSVForm, file: UploadFile | None, imported: ImportRow | None
) -> GroupInvitationRow:
    if imported is not None:
        order = form.order(imported.file_name)
        return await csv_source.store_imported(visit.desk, order, imported.id, now=visit.now, actor=visit.actor)
    if file is None:
        raise InputRefused({"file": _("choose a file")})
    order = form.order(file.filename or "")
    return await csv_source.store_file(visit.desk, order, file.file, now=visit.now, actor=visit.actor)


async def _imported(visit: Console, text: str) -> ImportRow | None:
    """Return the import that an address or form names, None when it names none; NotFound when there is none."""
    if not text:
        return None
    if not visit.may("person.import"):
        raise wrong_role()
    try:
        return or_not_found(await provisioning.find(UUID(text)))
    except ValueError:
        raise NotFound from None
