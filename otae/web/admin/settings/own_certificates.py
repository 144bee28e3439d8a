"""Settings → Certificates: this server's own certificates, as a tree, and how long each is valid."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.authority import issuers, rotation
from otae.errors import NotReady
from otae.overview import dependents
from otae.translatable import N_
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

#: Days before its end from which a certificate is shown as a warning.
SOON: Final = 30
#: The tree of certificates in order: purpose, depth, title, what it is for.
PURPOSES: Final = (
    ("root", 0, N_("Root"), N_("Trusted by Macs; its key signed the two authorities below.")),
    ("device-ca", 1, N_("Device authority"), N_("Issues the certificates of Macs.")),
    ("ra", 2, N_("Registration authority"), N_("Reads and answers certificate requests (SCEP).")),
    ("profile-signer", 2, N_("Profile signer"), N_("Signs the profiles that Macs install.")),
    ("service-ca", 1, N_("Service authority"), N_("Issues the certificate of this server, for its own names alone.")),
    ("tls", 2, N_("TLS"), N_("Proves this server to browsers and Macs; renewed by itself.")),
    ("push", 0, N_("Push"), N_("Issued by Apple; names the topic under which Macs enroll.")),
)
#: The purposes that sign a revocation list.
AUTHORITIES: Final = frozenset({"root", "device-ca", "service-ca"})


async def index(visit: Console) -> Response:
    """Show the tree, and below it the replaced certificates."""
    rows = await issuers.tree(visit.now)
    in_use = {row["purpose"]: row for row in rows if row["active"]}
    context = {
        "tree": [(depth, title, use, in_use[name]) for name, depth, title, use in PURPOSES if name in in_use],
        "replaced": [row for row in rows if not row["active"]],
        "titles": {name: title for name, _depth, title, _use in PURPOSES},
        "soon": SOON,
        "dependents": await dependents.of_authority(),
        "due": [row for row in rows if row["active"] and row["days_left"] <= SOON],
        "revocation_lists": AUTHORITIES,
    }
    return render(visit.request, "admin/settings/certificates/index.html", context)


async def rotate(visit: Console) -> Response:
    """Replace the device CA."""
    try:
        done = await rotation.rotate_device_ca(visit.desk, now=visit.now, actor=visit.actor)
    except NotReady:
        return redirect(paths.ROOT_KEY, "danger", _("Restore the root’s key first: it signs the new authority."))
    return redirect(paths.CERTIFICATES, "success", _("Macs get their certificates from %s from now on.") % done.subject)
