"""What lines of provisioning files say, and what is no line of one."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.directory import formats, sheets
from otae.directory.formats import Line

USERS = "user01;pwd\\;01;USER;myGroup.users01;myGroup.users02"


def read(text: str | bytes, kind: str) -> list[Line]:
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return list(formats.read(file, sheets.measure(file)[0], kind))


def test_a_line_of_users_has_a_password_a_role_and_groups() -> None:
    (line,) = read(USERS, "users")
    assert (line.name, line.password, line.reason) == ("user01", "pwd;01", "")
    assert line.given == {"role": "USER", "groups": ["myGroup.users01", "myGroup.users02"]}
    assert "pwd" not in repr(line)


def test_a_line_of_properties_has_pairs_of_which_some_are_fields() -> None:
    (line,) = read("Ben;asuseremail;ben@example.test;company;Example\\; Ltd;mobile;+49 151 2345678", "properties")
    assert line.name == "ben"
    assert line.given == {
        "email": "ben@example.test",
        "phone": "+49 151 2345678",
        "properties": {"company": "Example; Ltd"},
    }


def test_a_table_has_headings_and_further_columns_are_properties() -> None:
    table = "User Name,Display name,E-Mail,Groups,Group 2,Cost Centre,Password,Disabled\r\n"
    table += 'ben,"Okafor, Ben",ben@example.test,sales|design,berlin,4711, a b ,no\r\n'
    (line,) = read(table, "csv")
    assert (line.name, line.password, line.number) == ("ben", " a b ", 2)
    assert line.given == {
        "display_name": "Okafor, Ben",
        "email": "ben@example.test",
        "groups": ["sales", "design", "berlin"],
        "properties": {"cost_centre": "4711"},
        "disabled": False,
    }


def test_empty_cells_say_nothing() -> None:
    assert read("ben;;;", "users")[0].given == {}
    assert read("ben;company;", "properties")[0].given == {"properties": {"company": ""}}
    assert read("user,email,company\nben,,\n", "csv")[0].given == {}


@pytest.mark.parametrize("text", ["\ufeffben;;USER", "ben;;USER".encode("utf-8-sig"), "bén;;USER".encode("latin-1")])
def test_files_are_read_in_every_usual_encoding(text: str | bytes) -> None:
    (line,) = read(text, "users")
    assert line.name in {"ben", "bén"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (USERS, "users"),
        ("ben;;", "users"),
        ("ben;a;ADMIN;x\ncleo;b;HELP DESK;y", "users"),
        ("ben;company;Example;mobile;1", "properties"),
        ("ben;floor;;mobile;1", "properties"),
        ("user;password;role\nben;;USER", "csv"),
        ("Benutzer,user,mail\nx,ben,ben@example.test", "csv"),
        ("user\tmail\nben\tx@example.test", "csv"),
        ("", None),
        ("only words\nin lines", None),
    ],
)
def test_the_format_is_told_by_the_first_lines(text: str, kind: str | None) -> None:
    file = io.BytesIO(text.encode())
    assert formats.detect(file, "utf-8-sig") == kind


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        (";secret word;USER", "users", "user name"),
        ("=1+1;secret word;USER", "users", "user name"),
        ("ben okafor;;USER", "users", "user name"),
        ("x" * 101 + ";;USER", "users", "user name"),
        ("ben;;USER;" + "g" * 1001, "users", "1000"),
        ("ben;;USER" + ";g" * 150, "users", "120"),
        ("ben;;USER;a\tb", "users", "printed"),
        ("ben;company", "properties", "pairs"),
        ("ben;company;a;b", "properties", "pairs"),
        ("user,mail\nben,a,b,c", "csv", "headings"),
        ("user,disabled\nben,perhaps", "csv", "true or false"),
        (b"ben;;\x81", "users", "cannot be read"),
        ("ben;;" + "x" * 200_000, "users", "cannot be read"),
        ('user,mail\nben,"' + "x" * 200_000, "csv", "cannot be read"),
    ],
)
def test_what_is_no_line_is_told_with_its_number_and_reason(text: str | bytes, kind: str, word: str) -> None:
    line = read(text, kind)[-1]
    assert word in line.reason
    assert line.given == {}
    assert line.number in {1, 2}
    assert len(line.name) <= 100


CELLS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20)


@given(st.lists(CELLS.filter(lambda cell: not cell.endswith("\\")), min_size=1, max_size=8))
def test_cells_come_back_as_they_were_written(cells: list[str]) -> None:
    assert formats.split(formats.joined(cells)) == cells


@given(CELLS)
def test_what_is_guarded_comes_back(cell: str) -> None:
    guarded = sheets.guarded(cell)
    assert not guarded.startswith(sheets.FORMULA)
    if not cell.startswith("'"):
        assert sheets.unguarded(guarded) == cell


@given(st.binary(max_size=300), st.sampled_from(formats.KINDS))
def test_any_bytes_are_lines_or_refused_ones(data: bytes, kind: str) -> None:
    file = io.BytesIO(data)
    encoding, _ = sheets.measure(file)
    numbers = [line.number for line in formats.read(file, encoding, kind)]
    assert numbers == sorted(set(numbers))
    for line in formats.read(file, encoding, kind):
        assert line.name.isprintable()
        assert line.reason or line.name


def test_a_long_file_is_read_a_line_at_a_time() -> None:
    import tracemalloc  # noqa: PLC0415 - this test alone measures

    data = "".join(f"user{number};a long password {number};USER;sales.north\n" for number in range(50_000)).encode()
    file = io.BytesIO(data)
    tracemalloc.start()
    assert sum(1 for _ in formats.read(file, "utf-8-sig", "users")) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
