"""What administrators decide for themselves: where they are told that an invitation of theirs failed."""

from typing import Final

from starlette.responses import Response

from otae.accounts import addresses
from otae.errors import InputRefused
from otae.web.admin.entries import NamedForm
from otae.web.forms import Length, StringField
from otae.web.guards import Console
from otae.web.pages import go, render
from otae.words import gettext as _

ACCOUNT: Final = "/admin/account"


class AccountForm(NamedForm):
    """An administrator's own settings."""

    email = StringField(_("Mail address"), [Length(max=addresses.LONGEST)])


async def show(visit: Console) -> Response:
    """Show one's own settings."""
    form = AccountForm(data={"email": await addresses.address_of(visit.actor)})
    return render(visit.request, "admin/account.html", {"form": form})


async def change(visit: Console) -> Response:
    """Change one's own settings."""
    form = await AccountForm.read(visit.request)
    if form.validate():
        try:
            text = form.email.data or ""
            await addresses.set_address(visit.desk, visit.actor, text, now=visit.now, actor=visit.actor)
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return go(ACCOUNT, "success", _("Your settings were saved."))
    return render(visit.request, "admin/account.html", {"form": form}, status=422)
