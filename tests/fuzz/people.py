"""Files of people: any bytes are lines that say something, or lines that are refused; nothing is raised."""

import io
import json

from otae.directory.files import formats, spreadsheets
from otae.directory.local import person_fields
from otae.directory.local.person_fields import FieldContext
from otae.text import cleaned_line

HOUSE = FieldContext(frozenset(person_fields.ROLES), "DE")
#: What a line may say, by name.
SAID = {"display_name", "email", "phone", "language", "role", "groups", "properties", "disabled"}


def read_people(data: bytes) -> None:
    """Lines come in order, their names can be stored, what they say is JSON, and a refused line says nothing."""
    file = io.BytesIO(data)
    if not spreadsheets.is_text(file):
        return
    encoding, most = spreadsheets.detect_encoding(file)
    kind = formats.detect(file, encoding)
    assert kind in {None, formats.CSV, formats.PROPERTIES, formats.USERS_WITHOUT_PASSWORDS}, (
        "a guess never takes passwords"
    )
    for each in formats.IMPORT_KINDS:
        last = 0
        for line in formats.parse(file, encoding, each):
            assert last < line.number <= most + 1
            last = line.number
            check(line)
            assert not line.password or each in {formats.CSV, formats.USERS}


def check(line: formats.ParsedLine) -> None:
    """Hold what is promised of a line."""
    assert line.name == cleaned_line(line.name)
    assert len(line.name) <= 100
    assert set(line.given) <= {*SAID, formats.LEFT_OUT}
    assert bool(line.reason) or person_fields.is_user_name(line.name)
    assert not (line.reason and line.given)
    json.dumps(line.given).encode()
    columns, wrong = person_fields.columns(formats.fields_of(line.given), HOUSE, line.name)
    assert set(columns) | set(wrong) <= SAID
    line.password.encode()


def files() -> list[bytes]:
    """Make a good file of each format, in several encodings."""
    users = "user01;pwd\\;01;USER;myGroup.users01;myGroup.users02\nben;;SUPPORT\n"
    properties = "ben;asuseremail;ben@example.test;mobile;+49 151 2345678;company;Größe\\; Ltd\n"
    table = 'user,display name,groups,disabled,company\r\nben,"Okafor, Ben",sales|crew,no,\'=1\r\n'
    return [
        users.encode(),
        properties.encode("utf-8-sig"),
        properties.encode("latin-1"),
        table.encode(),
        table.replace(",", "\t").encode("utf-16"),
        b"sep=;\r\n#TYPE x\r\nStaff;;\r\n" + table.replace(",", ";").encode(),
        table.replace("\r\n", "\r").encode("mac_roman"),
    ]
