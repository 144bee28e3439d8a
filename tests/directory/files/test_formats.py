"""What lines of provisioning files say, and what is no line of one."""

import codecs
import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otae.directory.files import formats, spreadsheets
from otae.directory.files.formats import ParsedLine
from otae.text import cleaned_line

USERS = "user01;pwd\\;01;USER;myGroup.users01;myGroup.users02"


def read(text: str | bytes, kind: str) -> list[ParsedLine]:
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    return list(formats.parse(file, spreadsheets.detect_encoding(file)[0], kind))


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
        (USERS, "no-passwords"),
        ("ben;;USER", "no-passwords"),
        ("ben;a;ADMIN;x\ncleo;b;HELP DESK;y", "no-passwords"),
        ("ben;;", None),
        ("ben;four quiet words", None),
        ("employee;full name\nbert.o;Bertil Oestergaard Holm", None),
        ("EMPLOYEE;FULL NAME;USER\nBERT;BERTIL HOLM;BERT.O", None),
        ("NAME;E-MAIL;USER\nBertil;b@example.test;bert.o", "csv"),
        ("ben;password;USER;crew", None),
        ("employee;department;floor\nbert;sales;3\nanna;sales;3", None),
        ("sep=;\nuser;mail\nben;b@example.test", "csv"),
        ('#TYPE Selected.System.Management\n"user","mail"\nben,b@example.test', "csv"),
        ("Staff list, 2026;;;\n\nuser;name;mail;groups\nben;Ben;b@example.test;sales", "csv"),
        ("User;;\nuser;name;mail\nben;Ben;b@example.test", "csv"),
        ("ben;Ben;b@example.test;x\nuser;name;mail;groups", None),
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
        ("ben;;USER;a\x0cb", "users", "column D: it holds a line break: “a b”"),
        ("ben;a\x0csecret;USER", "users", "column B: it holds a line break"),
        (
            'user,mail,notes\nben,,"line one\nline two"',
            "csv",
            "column C (notes): it holds a line break: “line one line two”",
        ),
        ("user,name\nben,\u202eneB\u202cx", "csv", "column B (name): it holds a character that turns"),
        ("ben;password;four quiet words", "properties", "no property"),
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


def test_a_quotation_mark_that_is_not_closed_is_named() -> None:
    [good, bad] = read("user,mail\nben,ben@x.example\n" + '"cleo,c@x.example\n' + "dora,d@x.example\n" * 100, "csv")
    assert (good.name, good.reason) == ("ben", "")
    assert (bad.number, bad.reason) == (3, formats.UNCLOSED_QUOTE)


CELLS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20)


@given(st.lists(CELLS.filter(lambda cell: not cell.endswith("\\")), min_size=1, max_size=8))
def test_cells_come_back_as_they_were_written(cells: list[str]) -> None:
    assert formats.split_cells(formats.join_cells(cells)) == cells


@given(CELLS)
@pytest.mark.parametrize("kept", [spreadsheets.escape_formula, spreadsheets.escape_as_text])
def test_what_is_guarded_comes_back(kept: Callable[[str], str], cell: str) -> None:
    guarded = kept(cell)
    assert not guarded.startswith(spreadsheets.FORMULA)
    if not cell.startswith("'"):
        assert spreadsheets.unescape(guarded) == cell


@pytest.mark.parametrize("cell", ["0042", "3-4", "12e5", "1/2", "mar3", "3. März", "123456789012", "1.50", "12:30"])
def test_what_a_spreadsheet_would_turn_into_something_else_is_kept_as_text(cell: str) -> None:
    assert spreadsheets.escape_as_text(cell) == f"'{cell}"
    assert spreadsheets.unescape(f'="{cell}"') == cell


@pytest.mark.parametrize("cell", ["42", "0", "ben", "ben2", "marta", "4711a", "", "2. Stock links"])
def test_what_it_leaves_alone_is_left_alone(cell: str) -> None:
    assert spreadsheets.escape_as_text(cell) == cell


TABLE = [
    ["user", "display_name", "email"],
    ["anna.k", "Anna Käfer", "anna@example.test"],
    ["bert", "Bert Öz", "b@x.test"],
]


def table(separator: str, end: str = "\r\n") -> str:
    return "".join(separator.join(row) + end for row in TABLE)


@pytest.mark.parametrize(
    "data",
    [
        table("\t").encode("utf-16"),
        codecs.BOM_UTF16_BE + table(";").encode("utf-16-be"),
        table(",").encode("utf-8-sig"),
        table(",", "\n").encode(),
        table(";").encode("cp1252"),
        table(";", "\r").encode("mac_roman"),
        ("sep=;\r\n" + table(";")).encode("cp1252"),
        ('"sep=|"\r\n' + table("|")).encode(),
        ("SEP=\t\r\n" + table("\t")).encode("utf-16"),
        ("#TYPE Selected.Microsoft.ActiveDirectory\r\n" + table(",")).encode(),
        ("Staff list 2026, as of May;;\r\n;;\r\n" + table(";")).encode("cp1252"),
        table(",").replace("Anna Käfer", "Anna\u00a0Käfer\u00a0").replace("bert,", "\u00a0bert,").encode(),
        table(",").replace("anna.k", '="anna.k"').replace("bert,", "'bert,").replace("'b", "b").encode(),
    ],
    ids=["utf-16le", "utf-16be", "utf-8 mark", "utf-8", "windows", "old mac", "sep", "quoted sep", "sep tab", "#TYPE",
         "title", "no-break spaces", "formula"],
)  # fmt: skip
def test_what_spreadsheets_save_is_read(data: bytes) -> None:
    file = io.BytesIO(data)
    assert spreadsheets.is_text(file)
    assert formats.detect(file, spreadsheets.detect_encoding(file)[0]) == "csv"
    lines = read(data, "csv")
    assert [(line.name, line.given["display_name"], line.reason) for line in lines] == [
        ("anna.k", "Anna Käfer", ""),
        ("bert", "Bert Öz", ""),
    ]


def test_lines_are_numbered_as_they_stand_in_the_file() -> None:
    text = 'sep=,\n"Staff\nlist",,\nuser,mail,note\n\nben,,"a\nb"\ncleo,,x\n'
    assert [(line.number, line.name) for line in read(text, "csv")] == [(6, "ben"), (8, "cleo")]


@pytest.mark.parametrize(("word", "disabled"), [("WAHR", True), ("FALSCH", False), ("Vrai", True), ("FALSO", False)])
def test_spreadsheets_say_true_and_false_in_their_own_language(word: str, disabled: bool) -> None:
    assert read(f"user,disabled\nben,{word}", "csv")[0].given == {"disabled": disabled}


@pytest.mark.parametrize("name", ["Team ¼", "½ Ⅷ", "ﬁn!", "Ａnna#"])
@pytest.mark.parametrize("file", ["user,role\n{},USER", "{};secret;USER"])
def test_a_refused_name_is_shown_as_it_stands_in_the_file(name: str, file: str) -> None:
    line = read(file.format(name), "csv" if "," in file else "users")[-1]
    assert (line.name, bool(line.reason)) == (name, True)
    kept = read(file.format("Ａnna"), "csv" if "," in file else "users")[-1]
    assert (kept.name, kept.reason) == ("anna", "")


@given(st.binary(max_size=300), st.sampled_from(formats.KINDS))
def test_any_bytes_are_lines_or_refused_ones(data: bytes, kind: str) -> None:
    file = io.BytesIO(data)
    encoding, _ = spreadsheets.detect_encoding(file)
    numbers = [line.number for line in formats.parse(file, encoding, kind)]
    assert numbers == sorted(set(numbers))
    for line in formats.parse(file, encoding, kind):
        assert line.name == cleaned_line(line.name)
        assert line.reason or line.name


@pytest.mark.slow
def test_a_long_file_is_read_a_line_at_a_time() -> None:
    import tracemalloc  # noqa: PLC0415 - this test alone measures

    data = "".join(f"user{number};a long password {number};USER;sales.north\n" for number in range(50_000)).encode()
    file = io.BytesIO(data)
    tracemalloc.start()
    assert sum(1 for _ in formats.parse(file, "utf-8-sig", "users")) == 50_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
