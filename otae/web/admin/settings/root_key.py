"""Settings → Certificates → key of the root: export it, remove it from this server, import it again."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.authority import issuers, root
from otae.errors import InputRefused
from otae.translatable import N_
from otae.web.admin.settings.uploaded_certificates import require_file
from otae.web.callers import UPLOAD_CAP
from otae.web.forms import FileField, Form, PasswordField, upload
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

FILE: Final = "otae-root-key.pem"


#: A field in the room's refusal → the field of the first of two forms on the page.
FIELDS: Final = {"passphrase": "new_passphrase"}


class ExportForm(Form):
    """The passphrase for the exported file, twice."""

    new_passphrase = PasswordField(N_("Passphrase"))
    again = PasswordField(N_("Passphrase again"))


class FileForm(Form):
    """An exported file and its passphrase."""

    file = FileField(N_("Exported file"))
    passphrase = PasswordField(N_("Its passphrase"))


async def index(visit: Console) -> Response:
    """Show whether the key is on this server, and the possible actions."""
    return await _page(visit)


async def export(visit: Console) -> Response:
    """Return the encrypted key file; the passphrase is not stored."""
    form = await ExportForm.read(visit.request)
    try:
        made = await root.export_root_key(visit.desk, _passphrase(form), now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        form.refuse(InputRefused({FIELDS.get(name, name): text for name, text in refusal.fields.items()}))
        return await _page(visit, export=form, status=422)
    headers = {"Content-Disposition": f'attachment; filename="{FILE}"'}
    return Response(made.data, media_type="application/x-pem-file", headers=headers)


async def remove(visit: Console) -> Response:
    """Remove the key from this server, after checking the exported file with its passphrase."""
    form, data = await _read(visit)
    with form.refusals():
        confirm = await root.check_export(require_file(data), form.passphrase.data or "")
        await root.remove_root_key(confirm=confirm, now=visit.now, actor=visit.actor)
        said = _("The root’s key has left this server. Keep the file, and a copy of it elsewhere.")
        return redirect(paths.ROOT_KEY, "success", said)
    return await _page(visit, file=form, status=422)


async def import_key(visit: Console) -> Response:
    """Import the key again."""
    form, data = await _read(visit)
    with form.refusals():
        await root.restore_root_key(
            visit.desk, require_file(data), form.passphrase.data or "", now=visit.now, actor=visit.actor
        )
        return redirect(paths.ROOT_KEY, "success", _("The root’s key is on this server again."))
    return await _page(visit, file=form, status=422)


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
