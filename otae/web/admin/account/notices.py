"""Storing what the administrator wants to be told by mail."""

from starlette.responses import Response

from otae import paths
from otae.accounts.notice_choices import set_choices
from otae.store.notices import KINDS
from otae.web.admin.account import own_account
from otae.web.admin.account.notice_form import NoticeForm
from otae.web.pages import redirect
from otae.web.visits import Console
from otae.words import gettext as _


async def change(visit: Console) -> Response:
    """Store what the administrator wants to be told."""
    form = (await NoticeForm.read(visit.request)).offered(visit)
    if not form.validate():
        return await own_account.page(visit, told=form, status=422)
    chosen = {field.name: field.data for field in form if field.name in KINDS}
    await set_choices(visit.administrator.id, chosen, int(form.hour.data))
    return redirect(f"{paths.ACCOUNT}#told", "success", _("Your choice was saved."))
