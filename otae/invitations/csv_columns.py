"""What the columns of a file of people hold: guessed by their headings, changeable, and read line by line."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from otae import time_zones
from otae.apple.fields import SERIAL
from otae.contacts import LONGEST_ADDRESS, MailAddressRefused, mail_address
from otae.directory import registry
from otae.directory.files import spreadsheets
from otae.directory.local import person_fields
from otae.directory.local.person_fields import FieldContext, PersonFields, is_user_name, printable, user_name
from otae.invitations.terms import LONGEST_NOTE, SHORTEST_SERIAL, InvitationTerms, latest_end
from otae.store import carried_data
from otae.store.models import GroupInvitation, GroupInvitee, Person
from otae.text import TextRefused, identifier, visible_line, why_refused
from otae.translatable import N_

#: Field → its title. The first three find a person, the next three are for people who are added.
FIELDS: Final = {
    "user": N_("User name"),
    "email": N_("E-mail address"),
    "domain": N_("Domain"),
    "display_name": N_("Name"),
    "phone": N_("Phone"),
    "language": N_("Language"),
    "serial": N_("Serial number"),
    "valid_until": N_("Works until"),
    "ownership": N_("Device ownership"),
    "note": N_("Note"),
    **{name: title for name, title in carried_data.TITLES.items() if name != "free_fields"},
}
_HEADINGS: Final = {
    "user": (
        *spreadsheets.USER_COLUMNS, "benutzername", "benutzer", "anmeldename", "utilisateur", "nomdutilisateur",
        "identifiant", "usuario", "nombredeusuario", "utente", "nomeutente", "gebruikersnaam", "gebruiker", "usuário",
        "nomedeusuário", "ユーザー名", "ユーザ名",
    ),
    "email": (
        *spreadsheets.EMAIL_COLUMNS, "mailadresse", "emailadresse", "courriel", "adressemail", "adressecourriel",
        "correo", "correoelectrónico", "posta", "indirizzoemail", "emailadres", "メール", "メールアドレス",
    ),
    "domain": ("domain", "domainname", "directory", "domäne", "verzeichnis", "domaine", "dominio", "domein", "domínio"),
    "display_name": (
        "name", "displayname", "fullname", "anzeigename", "vollständigername", "nom", "nomcomplet", "nombre",
        "nombrecompleto", "nome", "nomecompleto", "naam", "volledigenaam", "名前", "氏名",
    ),
    "phone": (
        "phone", "phonenumber", "mobile", "telefon", "telefonnummer", "handy", "mobil", "téléphone", "portable",
        "teléfono", "móvil", "telefono", "cellulare", "telefoon", "mobiel", "telefone", "celular", "電話", "電話番号",
    ),
    "language": ("language", "sprache", "langue", "idioma", "lingua", "taal", "言語"),
    "serial": (
        "serial", "serialnumber", "serialno", "seriennummer", "numérodesérie", "númerodeserie", "numerodiserie",
        "serienummer", "númerodesérie", "シリアル番号",
    ),
    "valid_until": (
        "validuntil", "end", "enddate", "expires", "worksuntil", "gültigbis", "ende", "enddatum", "ablauf",
        "valablejusquau", "datedefin", "válidohasta", "fechadefin", "validofinoal", "datadifine", "geldigtot",
        "einddatum", "válidoaté", "datadefim", "有効期限",
    ),
    "ownership": (
        "ownership", "deviceownership", "owner", "besitz", "eigentum", "propriété", "propiedad", "proprietà",
        "eigendom", "propriedade", "所有",
    ),
    "note": ("note", "notes", "remark", "comment", "notiz", "bemerkung", "hinweis", "remarque", "nota", "opmerking",
        "observação", "メモ", "備考"),
    "asset_tag": (
        "assettag", "asset", "inventory", "inventorynumber", "inventarnummer", "inventar", "numérodinventaire",
        "númerodeinventario", "numerodiinventario", "inventarisnummer", "patrimônio", "資産番号",
    ),
    "cost_centre": (
        "costcentre", "costcenter", "kostenstelle", "centredecoûts", "centrodecoste", "centrodecosto",
        "centrodicosto", "kostenplaats", "centrodecusto", "コストセンター",
    ),
    "tags": ("tags", "tag", "labels", "schlagwörter", "étiquettes", "etiquetas", "etichette", "タグ"),
}  # fmt: skip
_OWNERSHIPS: Final = {
    "corporate": (
        "corporate", "company", "business", "firma", "firmengerät", "unternehmen", "dienstlich", "entreprise",
        "empresa", "azienda", "aziendale", "bedrijf", "zakelijk", "会社",
    ),
    "employee": (
        "employee", "private", "personal", "own", "byod", "privat", "mitarbeiter", "eigenes", "privé", "personnel",
        "employé", "empleado", "privato", "personale", "dipendente", "werknemer", "eigen", "pessoal", "funcionário",
        "個人",
    ),
}  # fmt: skip
_OF_INVITATION: Final = ("serial", "valid_until", "ownership", "note", *carried_data.TITLES)
_TIME: Final = r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::[0-9]{2})?)?"
_YEAR_FIRST: Final = re.compile(rf"([0-9]{{4}})[-./]([0-9]{{1,2}})[-./]([0-9]{{1,2}}){_TIME}")
_YEAR_LAST: Final = re.compile(rf"([0-9]{{1,2}})([-./])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")


#: Key under which a line that adds somebody keeps the columns of that person.
NEW: Final = "new"


@dataclass(frozen=True)
class LineContext:
    """What lines are read by: which field each column holds, and the settings that the checks need.

    ``zone``: of whoever brought the file, in which its times are.
    """

    columns: Mapping[str, int]
    zone: str
    people: FieldContext
    now: datetime
    latest: datetime


def guess(headings: Sequence[str]) -> dict[str, int]:
    """Return the index of the column that each field is read from, by the headings; other fields are left out."""
    known = [spreadsheets.normalized_heading(heading) for heading in headings]
    found = {}
    for field, names in _HEADINGS.items():
        at = next((known.index(name) for name in names if name in known), None)
        if at is not None:
            found[field] = at
    return found


def are_headings(cells: list[str], first: bool) -> bool:  # noqa: FBT001 - as `spreadsheets.find_headings` asks
    """Return whether ``cells`` is the heading line: it names a user name or address column.

    A single filled cell is a heading only in the first line of a table with one column; elsewhere it is a title.
    """
    filled = [cell for cell in cells if cell.strip()]
    named = bool({"user", "email"} & guess(cells).keys())
    return named and (first or len(filled) > 1) and (len(cells) == 1 or len(filled) > 1)


async def line_context(row: GroupInvitation, *, now: datetime, columns: Mapping[str, int] | None = None) -> LineContext:
    """Read what the lines of ``row`` are read by; ``columns``: other ones than were chosen."""
    stored: dict[str, Any] = row.file or {}
    chosen = stored.get("columns", {}) if columns is None else columns
    people = await person_fields.field_context()
    return LineContext(chosen, stored.get("zone", ""), people, now, await latest_end(now))


def read(line: GroupInvitee, context: LineContext) -> None:
    """Read the cells of ``line``: its name and address, what it says of the invitation, and why it is refused."""
    cells = (line.given or {}).get("cells", [])
    texts = {
        field: spreadsheets.unescape(cells[at].strip()) if at < len(cells) else ""
        for field, at in context.columns.items()
    }
    line.given = None
    try:
        name, mail, domain = (visible_line(texts.get(field, "")) for field in ("user", "email", "domain"))
    except TextRefused:
        line.name, line.reason = printable(texts.get("user", "")), "hidden"
        return
    with suppress(MailAddressRefused):
        mail = mail_address(mail)
    mail = mail if len(mail) <= LONGEST_ADDRESS else ""
    if domain and name and not registry.split_domain(name)[0]:
        name = f"{domain.lower()}/{name}"
    wrong_name = name and not is_user_name(user_name(registry.split_domain(name)[1]))
    if not line.reason and (len(name) > 100 or wrong_name or not (name or mail)):
        line.reason = "unknown"
    line.name, line.email = printable(name), mail or None
    if not line.reason:
        line.given, line.reason = _invitation_fields(texts, context)


def _invitation_fields(texts: Mapping[str, str], context: LineContext) -> tuple[dict[str, Any] | None, str]:
    """Return what a line says of its invitation and of a person who may be added, and why it is refused."""
    said: dict[str, Any] = {name: text for name, text in texts.items() if text and name not in {"user", "domain"}}
    if serial := identifier(said.get("serial", "")):
        said["serial"] = serial = serial.upper() if serial.islower() else serial
        if len(serial) < SHORTEST_SERIAL or not SERIAL.fullmatch(serial):
            return None, "serial"
    if "valid_until" in said:
        until = _end(said["valid_until"], context.zone)
        if until is None or not context.now < until <= context.latest:
            return None, "end"
        said["valid_until"] = until.isoformat()
    if "ownership" in said:
        word = spreadsheets.normalized_heading(said["ownership"])
        said["ownership"] = next((name for name, words in _OWNERSHIPS.items() if word in words), "")
    note = said.get("note", "")
    if len(note) > LONGEST_NOTE or why_refused(note.replace("\r", "").replace("\n", "")):
        return None, "note"
    carried, wrong = carried_data.checked(replace(InvitationTerms(), **_only(said, carried_data.TITLES)))
    person, wrong_person = person_fields.columns(PersonFields(**_only(said, ("language",))), context.people, "")
    said |= {name: value for name, value in (carried | person).items() if name in said}
    if wrong or wrong_person or said.get("ownership") == "":
        return None, "carried" if wrong else "language" if wrong_person else "ownership"
    return said or None, ""


def _only(said: Mapping[str, Any], names: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in names if name in said}


def _end(text: str, zone: str) -> datetime | None:
    """Return the time that a cell names, for a day its end; None for no time, or one that can be read in two ways."""
    plain = re.sub("[年月]", "-", identifier(text)).replace("日", "").strip()
    if found := _YEAR_FIRST.fullmatch(plain):
        year, month, day, hour, minute = found.groups()
    elif found := _YEAR_LAST.fullmatch(plain):
        day, between, month, year, hour, minute = found.groups()
        if between != "." and int(month) > 12:
            day, month = month, day
        elif between != "." and int(day) <= 12 and int(day) != int(month):
            return None
    else:
        return None
    with time_zones.in_zone(zone), suppress(ValueError):
        shown = f"{year}-{int(month):02}-{int(day):02}"
        if hour:
            return time_zones.read_time(f"{shown}T{int(hour):02}:{minute}")
        whole = time_zones.read_day(shown)
        return whole[1] if whole else None
    return None


def new_person(line: GroupInvitee, context: LineContext) -> dict[str, Any] | None:
    """Return the columns of the person whom ``line`` adds to our own table, None when it cannot."""
    domain, name = registry.split_domain(line.name or line.email or "")
    name = user_name(name)
    if domain not in {"", person_fields.DOMAIN} or not is_user_name(name):
        return None
    said = line.given or {}
    fields = PersonFields(
        said.get("display_name", ""), said.get("email", ""), said.get("phone", ""), said.get("language", ""), "USER"
    )
    columns, wrong = person_fields.columns(fields, context.people, name)
    return None if wrong else {"name": name, **columns}


def kept(given: Mapping[str, Any] | None, added: Person | None) -> dict[str, Any] | None:
    """Return what is kept of a line once its person is known: what it says of the invitation, and who is ``added``."""
    said = _only(given or {}, (*_OF_INVITATION, "language"))
    if added is not None:
        names = ("name", "display_name", "email", "phone", "language", "role")
        said[NEW] = {name: getattr(added, name) for name in names}
    return said or None


def added_person(given: Mapping[str, Any] | None, now: datetime) -> Person | None:
    """Return the person whom a line adds, not stored; None when it adds nobody."""
    columns = (given or {}).get(NEW)
    return Person(domain=person_fields.DOMAIN, created_at=now, **columns) if columns else None


def is_over(given: Mapping[str, Any] | None, now: datetime) -> bool:
    """Return whether the end that a line names is past."""
    until = (given or {}).get("valid_until")
    return until is not None and datetime.fromisoformat(until) <= now


def line_terms(terms: InvitationTerms, given: Mapping[str, Any] | None) -> InvitationTerms:
    """Return ``terms`` with what a line says of its own invitation."""
    said = _only(given or {}, _OF_INVITATION)
    if until := said.get("valid_until"):
        said["valid_until"] = datetime.fromisoformat(until)
    return replace(terms, **said)


def shown(given: Mapping[str, Any] | None) -> list[tuple[str, str | datetime]]:
    """Return what a line says of its invitation, and of the person whom it adds, with titles."""
    said = {name: value for name, value in {**(given or {}).get(NEW, {}), **(given or {})}.items() if value}
    said = {name: datetime.fromisoformat(value) if name == "valid_until" else value for name, value in said.items()}
    return [(title, said[name]) for name, title in FIELDS.items() if name in said]
