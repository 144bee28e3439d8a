"""Settings → Certificates → own certificates: a profile signer or a TLS certificate of another authority."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from starlette.responses import Response

from otae import paths
from otae.authority import uploads
from otae.authority.uploads import UploadedCertificate, UploadPurpose
from otae.errors import InputRefused
from otae.translatable import N_
from otae.web.admin.settings.authorities_form import left_out_note
from otae.web.callers import UPLOAD_CAP
from otae.web.forms import FileField, Form, PasswordField, upload
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

KeyForm = TypeVar("KeyForm", bound=Form)
Page = Callable[[Console], Awaitable[Response]]


class UploadForm(Form):
    """The certificate with its chain, its key when that is a separate file, and the password of either."""

    file = FileField(N_("Certificate and chain"))
    key = FileField(N_("Private key"))
    password = PasswordField(N_("Password"))


@dataclass(frozen=True)
class UploadKind:
    """A kind of certificate that can be uploaded; ``take`` imports one, ``wanted`` lists what is checked."""

    purpose: UploadPurpose
    upload: str
    remove: str
    take: Callable[..., Awaitable[UploadedCertificate]]
    title: str
    lead: str
    wanted: tuple[str, ...]


_ALIKE: Final = (
    N_("a chain of issuers that ends with one that signed itself, or that this system trusts"),
    N_("valid today, no authority itself, and allowed to sign (digitalSignature)"),
)
SIGNER: Final = UploadKind(
    "profile-signer",
    paths.SIGNER_UPLOAD,
    paths.SIGNER_REMOVE,
    uploads.import_signer,
    N_("Own profile signer"),
    N_("Profiles signed under an authority that Macs know already are shown as Verified at once."),
    (N_("an RSA key of 2048 bits or more that belongs to the certificate"), *_ALIKE),
)
TLS: Final = UploadKind(
    "tls",
    paths.TLS_UPLOAD,
    paths.TLS_REMOVE,
    uploads.import_tls,
    N_("Own TLS certificate"),
    N_("Served instead of the built-in one; you renew it. On its last day the built-in one takes over."),
    (
        N_("an RSA or elliptic-curve key that belongs to the certificate"),
        *_ALIKE,
        N_("for servers (serverAuth), and for the host of PUBLIC_URL"),
    ),
)


def blank_page(kind: UploadKind) -> Page:
    """Return the page with the upload form of ``kind``."""

    async def page(visit: Console) -> Response:
        return _form(visit, kind, UploadForm())

    return page


def upload_page(kind: UploadKind) -> Page:
    """Return the page that takes an upload of ``kind`` into use."""

    async def page(visit: Console) -> Response:
        form, data, key = await read_upload(visit, UploadForm)
        with form.refusals():
            taken = await kind.take(
                visit.desk,
                require_file(data),
                key,
                form.password.data or None,
                now=visit.now,
                actor=visit.actor,
            )
            said = _("The certificate is in use from now on.")
            return redirect(paths.CERTIFICATES, "success", said + left_out_note(taken.left_out))
        return _form(visit, kind, form, status=422)

    return page


def remove_page(kind: UploadKind) -> Page:
    """Return the page that replaces the upload of ``kind`` by our own certificate."""

    async def page(visit: Console) -> Response:
        try:
            await uploads.remove_upload(visit.desk, kind.purpose, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            return redirect(paths.CERTIFICATES, "danger", str(refusal))
        return redirect(paths.CERTIFICATES, "success", _("The built-in certificate is in use again."))

    return page


async def read_upload(visit: Console, kind: type[KeyForm]) -> tuple[KeyForm, bytes, bytes | None]:
    """Return a form as it was sent, the certificate file in it, and the key file, None when none was chosen."""
    async with visit.request.form(max_files=2, max_fields=10, max_part_size=UPLOAD_CAP):  # what follows reads from it
        form = await kind.read(visit.request)
        return form, await upload(visit.request, "file"), await upload(visit.request, "key") or None


def require_file(data: bytes) -> bytes:
    """Return the uploaded file; InputRefused when none was chosen."""
    if not data:
        raise InputRefused({"file": _("choose a file")})
    return data


def _form(visit: Console, kind: UploadKind, form: UploadForm, *, status: int = 200) -> Response:
    return render(visit.request, "admin/settings/certificates/upload.html", {"form": form, "kind": kind}, status=status)
