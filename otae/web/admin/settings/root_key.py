"""Settings → Certificates → key of the root: take it along, take it off this server, bring it back."""

from typing import Final

from starlette.responses import Response

from otae.authority import issuers, root
from otae.errors import InputRefused
from otae.web.admin.page_parts import NamedForm
from otae.web.admin.settings.own_certificates import CERTIFICATES
from otae.web.admin.settings.uploaded_certificates import chosen
from otae.web.forms import FileField, PasswordField, upload
from otae.web.guards import Console
from otae.web.pages import go, render
from otae.web.paths import UPLOAD_CAP
from otae.words import gettext as _

ROOT_KEY: Final = f"{CERTIFICATES}/root-key"
FILE: Final = "otae-root-key.pem"


#: Two forms on one page: the room's name of a field → the one of the first form.
FIELDS: Final = {"passphrase": "new_passphrase"}


class ExportForm(NamedForm):
    """The passphrase of the file, twice."""

    new_passphrase = PasswordField(_("Passphrase"))
    again = PasswordField(_("Passphrase again"))


class FileForm(NamedForm):
    """An exported file and its passphrase."""

    file = FileField(_("Exported file"))
    passphrase = PasswordField(_("Its passphrase"))


async def index(visit: Console) -> Response:
    """Show whether the key is here, and what can be done."""
    return await _page(visit)


async def export(visit: Console) -> Response:
    """Answer with the file; the passphrase is used now and not kept."""
    form = await ExportForm.read(visit.request)
    try:
        made = await root.export_root_key(visit.desk, _passphrase(form), now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(InputRefused({FIELDS.get(name, name): text for name, text in refusal.fields.items()}))
        return await _page(visit, export=form, status=422)
    headers = {"Content-Disposition": f'attachment; filename="{FILE}"'}
    return Response(made.data, media_type="application/x-pem-file", headers=headers)


async def remove(visit: Console) -> Response:
    """Take the key off this server, against the exported file and its passphrase."""
    form, data = await _read(visit)
    try:
        confirm = await root.check_export(chosen(data), form.passphrase.data or "")
        await root.remove_root_key(confirm=confirm, now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, file=form, status=422)
    return go(ROOT_KEY, "success", _("The root’s key has left this server. Keep the file, and a copy of it elsewhere."))


async def bring_back(visit: Console) -> Response:
    """Put the key back."""
    form, data = await _read(visit)
    try:
        await root.restore_root_key(
            visit.desk, chosen(data), form.passphrase.data or "", now=visit.now, actor=visit.actor
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _page(visit, file=form, status=422)
    return go(ROOT_KEY, "success", _("The root’s key is on this server again."))


def _passphrase(form: ExportForm) -> str:
    if form.new_passphrase.data != form.again.data:
        raise InputRefused({"again": _("the two are not the same")})
    return form.new_passphrase.data or ""


async def _read(visit: Console) -> tuple[FileForm, bytes]:
    async with visit.request.form(max_files=1, max_fields=10, max_part_size=UPLOAD_CAP):  # what follows reads from it
        return await FileForm.read(visit.request), await upload(visit.request, "file")


async def _page(
    visit: Console, *, export: ExportForm | None = None, file: FileForm | None = None, status: int = 200
) -> Response:
    here = next(row["key_held"] for row in await issuers.tree(visit.now) if row["purpose"] == "root" and row["active"])
    context = {"here": here, "export": export or ExportForm(), "file": file or FileForm()}
    return render(visit.request, "admin/settings/certificates/root-key.html", context, status=status)
