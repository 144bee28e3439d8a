"""Settings → Administrators: the list, setup links for new ones, roles, disabling and removing."""

from collections.abc import Awaitable, Callable
from typing import Final, Self
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.accounts import administrator_list, roles, second_factors
from otae.accounts.administrator_list import ListedAdministrator
from otae.errors import Refusal, StaleState
from otae.translatable import N_
from otae.web.admin.page_parts import SENT_ALREADY, is_resubmitted, new_form_id, or_not_found
from otae.web.forms import Form, HiddenField, InputRequired, Length, SelectField, StringField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

CHOOSE: Final = N_("choose one of these roles")


class RoleForm(Form):
    """A role, one of those that the signed-in administrator may give."""

    role = SelectField(N_("Role"), invalid_choice_message=CHOOSE, default=roles.SUPPORT)

    async def prepare(self, visit: Console) -> Self:
        """Fill in the roles to choose from, and return the form.

        These have permissions, and none that the signed-in administrator lacks.
        """
        own_permissions = visit.powers.permissions
        listed = await roles.list_roles()
        self.role.choices = [role.name for role in listed if role.permissions and role.permissions <= own_permissions]
        return self


class InviteForm(RoleForm):
    """A new administrator."""

    name = StringField(N_("Name"), [InputRequired(N_("enter a name")), Length(max=100)])
    form_id = HiddenField(default=new_form_id)


async def index(visit: Console) -> Response:
    """List administrators and unused setup links, with the form for another."""
    return await _list(visit, await InviteForm().prepare(visit))


async def invite(visit: Console) -> Response:
    """Create a setup link: it is in this answer and nowhere else."""
    form = await (await InviteForm.read(visit.request)).prepare(visit)
    if form.validate():
        if await is_resubmitted(visit):
            return redirect(paths.ADMINISTRATORS, "info", SENT_ALREADY)
        form.form_id.data = new_form_id()
        with form.refusals():
            link = await administrator_list.invite(
                visit.desk, form.name.data, form.role.data, by=visit.by, now=visit.now
            )
            made = {"link": link, "invited_name": form.name.data.strip().lower()}
            return await _list(visit, await InviteForm().prepare(visit), made)
    return await _list(visit, form, status=422)


async def withdraw(visit: Console) -> Response:
    """Withdraw an unused setup link."""
    name = await administrator_list.withdraw_setup_link(visit.request.path_params["id"], by=visit.by, now=visit.now)
    return redirect(paths.ADMINISTRATORS, "success", _("The setup link of %s no longer works.") % name)


async def show(visit: Console) -> Response:
    """Show one administrator and the actions on them."""
    row = await _row(visit)
    return await _show(visit, row, await RoleForm.filled(row).prepare(visit))


async def change(visit: Console) -> Response:
    """Give an administrator another role."""
    row, form = await _row(visit), await (await RoleForm.read(visit.request)).prepare(visit)
    if form.validate():
        here = paths.ADMINISTRATOR(row.id)
        try:
            with form.refusals():
                changed = await administrator_list.give_role(row.id, form.role.data, by=visit.by, now=visit.now)
                values = {"name": changed.name, "role": changed.role}
                return redirect(here, "success", _("%(name)s has the role %(role)s, and signs in again.") % values)
        except Refusal as refusal:
            return redirect(here, "danger", _(refusal.words))
    return await _show(visit, row, form, status=422)


async def disable(visit: Console) -> Response:
    """Disable an administrator."""
    return await _do(visit, administrator_list.disable, _("%s is disabled and signed out."))


async def enable(visit: Console) -> Response:
    """Enable an administrator again."""
    return await _do(visit, administrator_list.enable, _("%s may sign in again."))


async def reset_factors(visit: Console) -> Response:
    """Remove every second factor of an administrator; for administrators who have entered one of their own."""
    row = await _row(visit)
    here = paths.ADMINISTRATOR(row.id)
    if visit.administrator.second_factor_at is None:
        own = (paths.ACCOUNT_FACTORS, _("Your second factors"))
        return redirect(here, "danger", _("Set up a second factor of your own first."), link=own)
    try:
        await second_factors.reset(visit.desk, row.id, by=visit.by, now=visit.now)
    except StaleState:
        return redirect(here, "info", _("%s has no second factor any more.") % row.name)
    except Refusal as refusal:
        return redirect(here, "danger", _(refusal.words))
    return redirect(here, "success", _("%s is signed out, and signs in with the password alone.") % row.name)


async def remove(visit: Console) -> Response:
    """Remove an administrator."""
    return await _do(visit, administrator_list.remove, _("%s was removed."), gone=True)


async def _do(visit: Console, change: Callable[..., Awaitable[object]], note: str, *, gone: bool = False) -> Response:
    row = await _row(visit)
    try:
        await change(row.id, by=visit.by, now=visit.now)
    except Refusal as refusal:
        return redirect(paths.ADMINISTRATOR(row.id), "danger", _(refusal.words))
    return redirect(paths.ADMINISTRATORS if gone else paths.ADMINISTRATOR(row.id), "success", note % row.name)


async def _row(visit: Console) -> ListedAdministrator:
    administrator_id: UUID = visit.request.path_params["id"]
    return or_not_found(await administrator_list.find_administrator(administrator_id))


async def _list(visit: Console, form: InviteForm, made: dict[str, str] | None = None, *, status: int = 200) -> Response:
    context = {
        "form": form,
        "rows": await administrator_list.list_administrators(),
        "invited": await administrator_list.list_pending(now=visit.now),
        "roles": {role.name: role for role in await roles.list_roles()},
        "me": visit.administrator.id,
        "link": "",
        **(made or {}),
    }
    return render(visit.request, "admin/settings/administrators/index.html", context, status=status)


async def _show(visit: Console, row: ListedAdministrator, form: RoleForm, *, status: int = 200) -> Response:
    role = await roles.find_role(row.role)
    is_self = row.id == visit.administrator.id
    within = (role.permissions if role else frozenset()) <= visit.powers.permissions
    context = {
        "row": row,
        "form": form,
        "role": role,
        "is_self": is_self,
        "may_change": visit.may("administrator.edit") and within and not is_self,
    }
    return render(visit.request, "admin/settings/administrators/show.html", context, status=status)
