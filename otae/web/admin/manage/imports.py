"""Manage → Users → import and export: a file, its preview, its progress, and the result of each line."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from otae import paths
from otae.directory.files import export as exporting
from otae.directory.files import formats, provisioning
from otae.directory.files.import_preview import previews
from otae.directory.files.provisioning import ImportProgress, ImportRow, LineRow, LineState, Status
from otae.directory.files.spreadsheets import to_csv
from otae.errors import InputRefused, StaleState
from otae.translatable import N_
from otae.web.admin.page_parts import choice_param, download, int_param, or_not_found, row_id
from otae.web.callers import UPLOAD_CAP
from otae.web.failures import NotFound
from otae.web.forms import FileField, Form, SelectField
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: Where a file is sent to.
PAGE: Final = 50
#: Imports that are listed under the form.
LISTED: Final = 20
#: The highest line an address may name.
MOST: Final = 10_000_000

#: Status of an import → its title.
STATUS_TITLES: Final = {
    "reading": N_("Reading the file"),
    "checking": N_("Comparing it with who is there"),
    "ready": N_("Ready, nothing written yet"),
    "importing": N_("Importing"),
    "done": N_("Done"),
    "cancelled": N_("Cancelled"),
}
KINDS: Final = {
    "users": N_("Provisioning file of users"),
    "properties": N_("Provisioning file of properties"),
    "csv": N_("CSV with headings"),
    "no-passwords": N_("Provisioning file of users, passwords left out"),
}
#: Result of a line → its title.
FINDINGS: Final = {
    "listed": N_("not looked at yet"),
    "new": N_("new"),
    "changed": N_("changes"),
    "unchanged": N_("unchanged"),
    "refused": N_("refused"),
    "added": N_("added"),
    "saved": N_("changed"),
}
#: Filter of the list of lines → its title.
SHOWN: Final = {
    "": N_("All lines"),
    "new": N_("New"),
    "changed": N_("Changes"),
    "unchanged": N_("Unchanged"),
    "refused": N_("Refused"),
}
#: Field of a person → its title.
CHANGES: Final = {
    "display_name": N_("Name"),
    "email": N_("E-mail"),
    "phone": N_("Phone"),
    "language": N_("Language"),
    "role": N_("Role"),
    "properties": N_("Properties"),
    "groups": N_("Groups"),
    "disabled": N_("Disabled"),
}


class ImportForm(Form):
    """The file to import, and its format."""

    file = FileField(N_("File"))
    kind = SelectField(N_("Format"), choices={"": N_("Detected from the file"), **KINDS})


async def blank(visit: Console) -> Response:
    """Show the upload form and the earlier imports."""
    return await _ask(visit, ImportForm())


async def add(visit: Console) -> Response:
    """Store the uploaded file and start its preview."""
    async with visit.request.form(max_files=1, max_fields=10, max_part_size=UPLOAD_CAP) as sent:
        form, chosen = await ImportForm.read(visit.request), sent.get("file")
        if not isinstance(chosen, UploadFile) or not chosen.filename:
            form.refuse(InputRefused({"file": _("choose a file")}))
        elif form.validate():
            with form.refusals():
                row = await provisioning.upload(
                    visit.desk,
                    chosen.file,
                    chosen.filename,
                    kind=form.kind.data or "",
                    now=visit.now,
                    actor=visit.actor,
                )
                return redirect(paths.IMPORT(row.id))
    return await _ask(visit, form, status=422)


async def show(visit: Console) -> Response:
    """Show the progress of an import and its lines; for polling only the block with both."""
    row = or_not_found(await provisioning.find(row_id(visit.request)))
    counted = await provisioning.progress(row)
    context = {
        "row": row,
        "counted": counted,
        "mark": _mark(row, counted),
        "status_titles": STATUS_TITLES,
        "kinds": KINDS,
        "final": row.status in provisioning.ENDED or row.status == Status.READY,
    }
    part = is_fragment_request(visit.request)
    if part and visit.request.query_params.get("seen") == context["mark"]:
        return Response(status_code=204)
    wanted, after = choice_param(visit.request, "show", SHOWN), int_param(visit.request, "after", MOST)
    lines = await provisioning.lines(row, show=wanted, after=after, limit=PAGE + 1)
    shown = lines[:PAGE]
    writes = await previews(shown)
    context |= {
        "lines": list(zip(shown, writes, strict=True)),
        "wanted": wanted,
        "shown": SHOWN,
        "findings": FINDINGS,
        "changes": CHANGES,
    }
    context |= {
        "first": paths.IMPORT(row.id, show=wanted) if after else "",
        "more": paths.IMPORT(row.id, show=wanted, after=shown[-1].number) if len(lines) > PAGE else "",
        "again": paths.IMPORT(row.id, show=wanted, after=after, seen=context["mark"]),
    }
    return render(visit.request, "admin/manage/imports/show.html", context, block="news" if part else None)


async def start(visit: Console) -> Response:
    """Start writing what the preview found."""
    return await _do(visit, partial(provisioning.start, visit.desk))


async def cancel(visit: Console) -> Response:
    """Cancel the import; what was written stays."""
    return await _do(visit, provisioning.cancel)


async def result(visit: Console) -> Response:
    """Stream the result of each line as CSV."""
    row, wanted = (
        or_not_found(await provisioning.find(row_id(visit.request))),
        choice_param(visit.request, "show", SHOWN),
    )
    return download(_results(row, wanted), f"import-{row.id}.csv")


async def export(visit: Console) -> Response:
    """Stream all local people as a file, in one of the formats that can be imported."""
    kind = visit.request.path_params["kind"]
    if kind not in formats.KINDS:
        raise NotFound
    return download(exporting.people(kind), "users.csv" if kind == formats.CSV else f"users-{kind}.csv")


def cells(line: LineRow) -> list[str]:
    """Return one line's result as cells in the order of HEADINGS."""
    return [str(line.number), line.name, line.status, " ".join(line.changes), line.reason]


#: Column headings for `cells`.
HEADINGS: Final = ("line", "user", "result", "changes", "reason")


async def _results(row: ImportRow, show: str) -> AsyncIterator[str]:
    yield to_csv([HEADINGS])
    async for page in provisioning.every_line(row, show):
        yield to_csv(cells(line) for line in page)


async def _do(visit: Console, change: Callable[..., Awaitable[None]]) -> Response:
    row = or_not_found(await provisioning.find(row_id(visit.request)))
    try:
        await change(row, now=visit.now, actor=visit.actor)
    except StaleState:
        return redirect(paths.IMPORT(row.id), "warning", _("It changed meanwhile; this is its present state."))
    return redirect(paths.IMPORT(row.id))


async def _ask(visit: Console, form: ImportForm, *, status: int = 200) -> Response:
    context = {
        "form": form,
        "rows": await provisioning.list_imports(limit=LISTED),
        "status_titles": STATUS_TITLES,
        "kinds": KINDS,
        "most_lines": formats.MOST_LINES,
    }
    return render(visit.request, "admin/manage/imports/add.html", context, status=status)


def _mark(row: ImportRow, counted: ImportProgress) -> str:
    """Return a string that changes whenever what the page shows changes."""
    return f"{row.status}-{row.rows}-" + "-".join(str(counted.findings[each]) for each in LineState)
