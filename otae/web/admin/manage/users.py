"""Manage → Users: the list of people, and the form that adds one."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts import unlocking
from otae.contacts import shown_address
from otae.delivery.texts.languages import LANGUAGES
from otae.directory import lookup
from otae.directory.local import people, person_fields
from otae.directory.lookup import PeopleFilter
from otae.errors import InputRefused
from otae.translatable import N_
from otae.web.admin.page_parts import NamedForm, text_param
from otae.web.forms import BooleanField, InputRequired, PasswordField, SelectField, StringField, TextAreaField
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50
#: Filter of the list → its title.
STATES: Final = {"": N_("Everybody"), "disabled": N_("Disabled"), "locked": N_("Locked")}


class UserForm(NamedForm):
    """What is known about a person. ``password`` is only ever written, never shown."""

    display_name = StringField(N_("Name"))
    email = StringField(N_("E-mail"), filters=[shown_address])
    phone = StringField(N_("Phone"))
    language = SelectField(N_("Language"), validate_choice=False)
    role = SelectField(N_("Role"), validate_choice=False)
    groups = TextAreaField(N_("Groups"))
    properties = TextAreaField(N_("Properties"))
    password = PasswordField(N_("Password"))
    disabled = BooleanField(N_("Disabled"))

    async def prepare(self) -> "UserForm":
        """Fill in the choices and return the form."""
        offered = {"": _("As the installation"), **LANGUAGES}
        # Keep an earlier choice that is no longer offered, so that saving does not change it.
        chosen = self.language.data or ""
        self.language.choices = offered | {chosen: offered.get(chosen, chosen)}
        roles = [*sorted((await person_fields.field_context()).roles), *([self.role.data] if self.role.data else [])]
        self.role.choices = {role: role for role in roles}
        return self


class NewUserForm(UserForm):
    """A new person; ``name`` is the user name, which cannot be changed later."""

    name = StringField(N_("User name"), [InputRequired(N_("enter a user name"))])
    password = PasswordField(N_("Password"))


async def index(visit: Console) -> Response:
    """List people by user name, a page at a time."""
    names = ("q", "group", "domain", "role", "state")
    query = {name: text_param(visit.request, name) for name in names}
    after, state = text_param(visit.request, "after"), query["state"] if query["state"] in STATES else ""
    wanted = PeopleFilter(
        search=query["q"],
        group=query["group"],
        domain=query["domain"],
        role=query["role"],
        disabled=state == "disabled",
        ids=await unlocking.locked_ids(visit.desk, now=visit.now) if state == "locked" else None,
    )
    people = await lookup.filter_people(wanted, after=after, limit=PAGE + 1, reach=visit.reach)
    shown = people[:PAGE]
    context = {
        "people": shown,
        "groups": await lookup.groups_of_people(shown, reach=visit.reach),
        "locked": await unlocking.locked_among(visit.desk, shown, now=visit.now),
        "query": query | {"state": state},
        "narrowed": bool(wanted),
        "states": STATES,
        "known_groups": await lookup.group_names(reach=visit.reach),
        "domains": await lookup.domains(reach=visit.reach),
        "roles": sorted((await person_fields.field_context()).roles),
        "first": paths.USERS(**query) if after else "",
        "more": paths.USERS(**query, after=lookup.cursor(shown[-1])) if len(people) > PAGE else "",
    }
    return render(visit.request, "admin/manage/users/index.html", context)


async def blank(visit: Console) -> Response:
    """Show the form for a new person."""
    return await _ask(visit, NewUserForm(data={"role": "USER"}))


async def add(visit: Console) -> Response:
    """Add a person."""
    form = await NewUserForm.read(visit.request)
    if form.validate():
        try:
            person = await people.add_person(
                visit.desk,
                name=form.name.data,
                display_name=form.display_name.data or "",
                email=form.email.data,
                phone=form.phone.data,
                language=form.language.data or "",
                role=form.role.data or "USER",
                properties=person_fields.from_lines(form.properties.data or ""),
                password=form.password.data,
                groups=(form.groups.data or "").splitlines(),
                now=visit.now,
                actor=visit.actor,
            )
        except InputRefused as refusal:
            form.refuse(refusal)
        else:
            return redirect(paths.USER(person.id), "success", _("%s was added.") % person.display_name)
    return await _ask(visit, form, status=422)


async def _ask(visit: Console, form: NewUserForm, *, status: int = 200) -> Response:
    context = {
        "form": await form.prepare(),
        "known_groups": await lookup.group_names(),
        "shortest": person_fields.SHORTEST_PASSWORD,
    }
    return render(visit.request, "admin/manage/users/add.html", context, status=status)
