"""Settings → Push certificate: the certificate whose topic Macs enroll under."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.authority import push
from otae.translatable import N_
from otae.web.admin.settings.authorities_form import left_out_note
from otae.web.admin.settings.uploaded_certificates import read_upload, require_file
from otae.web.forms import FileField, Form, PasswordField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: Days before its end from which a certificate is shown as a matter of urgency.
SOON: Final = 30


class PushForm(Form):
    """The certificate, its key when that is a separate file, and the password of either."""

    file = FileField(N_("Certificate"))
    key = FileField(N_("Private key"))
    password = PasswordField(N_("Password"))


async def index(visit: Console) -> Response:
    """Show the current certificate, or the consequences of having none."""
    return await _page(visit, PushForm())


async def replace(visit: Console) -> Response:
    """Store an uploaded certificate and use it from now on."""
    form, certificate, key = await read_upload(visit, PushForm)
    with form.refusals():
        taken = await push.import_push(
            visit.desk,
            require_file(certificate),
            key,
            form.password.data or None,
            now=visit.now,
            actor=visit.actor,
        )
        said = _("Macs enroll under %s from now on.") % taken.topic
        return redirect(paths.PUSH, "success", said + left_out_note(taken.left_out))
    return await _page(visit, form, status=422)


async def _page(visit: Console, form: PushForm, *, status: int = 200) -> Response:
    context = {"form": form, "push": await push.show_push(now=visit.now), "soon": SOON}
    return render(visit.request, "admin/settings/push/index.html", context, status=status)
