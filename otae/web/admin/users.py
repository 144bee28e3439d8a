"""Manage → Users: the people of our own directory."""

from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae.directory import local, lookup
from otae.errors import InputRefused
from otae.web.admin.entries import NamedForm, address, asked, found
from otae.web.forms import BooleanField, InputRequired, PasswordField, StringField, TextAreaField
from otae.web.guards import Console
from otae.web.pages import go, render
from otae.words import gettext as _

USERS: Final = "/admin/users"
PAGE: Final = 50


class UserForm(NamedForm):
    """What is known of a person. ``password``: only ever written, never shown again."""

    display_name = StringField(_("Name"))
    email = StringField(_("E-mail"))
    phone = StringField(_("Phone"))
    password = PasswordField(_("Password"))
    groups = TextAreaField(_("Groups"))
    disabled = BooleanField(_("Disabled"))


class NewUserForm(UserForm):
    """A new person. ``name``: the user name, which stays."""

    name = StringField(_("User name"), [InputRequired(_("enter a user name"))])


async def index(visit: Console) -> Response:
    """List people by user name, a page at a time."""
    search, after = asked(visit.request, "q"), asked(visit.request, "after")
    people = await local.list_people(search, after, PAGE + 1)
    shown = people[:PAGE]
    context = {
        "people": shown,
        "groups": await lookup.groups_of_people(shown),
        "search": search,
        "first": address(USERS, q=search) if after else "",
        "more": address(USERS, q=search, after=shown[-1].name) if len(people) > PAGE else "",
    }
    return render(visit.request, "admin/users/index.html", context)


async def blank(visit: Console) -> Response:
    """Ask for a new person."""
    return await _ask(visit, NewUserForm())


async def add(visit: Console) -> Response:
    """Add a person."""
    form = await NewUserForm.read(visit.request)
    if form.validate():
        try:
            person = await local.add_person(
                visit.desk,
                name=form.name.data,
                display_name=form.display_name.data or "",
                email=form.email.data,
                phone=form.phone.data,
                password=form.password.data,
                groups=_lines(form.groups.data),
                now=visit.now,
                actor=visit.actor,
            )
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return go(f"{USERS}/{person.id}", "success", _("%s was added.") % person.display_name)
    return await _ask(visit, form, status=422)


async def show(visit: Console) -> Response:
    """Show a person as a form."""
    person = found(await lookup.person_of(_id(visit)))
    groups = "\n".join(await local.groups_of(person))
    filled = UserForm(
        data={
            "display_name": person.display_name,
            "email": person.email or "",
            "phone": person.phone or "",
            "groups": groups,
            "disabled": person.disabled,
        }
    )
    return await _edit(visit, filled)


async def change(visit: Console) -> Response:
    """Change a person."""
    person = found(await lookup.person_of(_id(visit)))
    form = await UserForm.read(visit.request)
    try:
        changed = await local.update_person(
            visit.desk,
            person,
            display_name=form.display_name.data or "",
            email=form.email.data or "",
            phone=form.phone.data or "",
            password=form.password.data or None,
            groups=_lines(form.groups.data),
            disabled=form.disabled.data,
            now=visit.now,
            actor=visit.actor,
        )
    except InputRefused as refusal:
        form.refuse(refusal)
        return await _edit(visit, form, status=422)
    return go(f"{USERS}/{person.id}", "success", _("%s was saved.") % changed.display_name)


async def _ask(visit: Console, form: NewUserForm, *, status: int = 200) -> Response:
    context = {"form": form, "known_groups": await lookup.group_names(), "shortest": local.SHORTEST_PASSWORD}
    return render(visit.request, "admin/users/add.html", context, status=status)


async def _edit(visit: Console, form: UserForm, *, status: int = 200) -> Response:
    context = {
        "form": form,
        "person": found(await lookup.person_of(_id(visit))),
        "known_groups": await lookup.group_names(),
        "shortest": local.SHORTEST_PASSWORD,
    }
    return render(visit.request, "admin/users/edit.html", context, status=status)


def _id(visit: Console) -> UUID:
    found_id: UUID = visit.request.path_params["id"]
    return found_id


def _lines(text: str | None) -> list[str]:
    return (text or "").splitlines()
