"""docs/operations.md lists exactly what the code knows: settings, server properties, refusals."""

import re
from itertools import pairwise

from otae import errors
from otae.accounts.permissions import PERMISSIONS
from otae.accounts.roles import BUILT_IN
from otae.settings import Settings
from otae.store.properties import PROPERTIES
from tests.house.tree import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, list[str]]:
    """Read the table below a heading: first cell without its back quotes → the other cells."""
    section = OPERATIONS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if line[:3] == "| `"
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def refusals() -> list[type[errors.Refusal]]:
    """Give every refusal class, the root included."""
    found: list[type[errors.Refusal]] = [errors.Refusal]
    for one in found:
        found += one.__subclasses__()
    return found


def test_every_setting_is_documented_and_nothing_else() -> None:
    rows = table("Settings")
    assert set(rows) == {str(field.validation_alias) for field in Settings.model_fields.values()}
    for field in Settings.model_fields.values():
        assert field.description
        assert field.description.rstrip(".").replace("|", "\\|") in rows[str(field.validation_alias)][-1]


def test_every_server_property_is_documented_and_nothing_else() -> None:
    rows = table("Server properties")
    assert list(rows) == [row.name for row in PROPERTIES]
    for row in PROPERTIES:
        default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
        assert rows[row.name][0] == f"`{default}`", row.name
        assert row.help.rstrip(".") in rows[row.name][1], row.name


def test_every_permission_is_documented_with_the_roles_that_have_it() -> None:
    rows = table("Administrators and roles")
    assert list(rows) == list(PERMISSIONS)
    for permission in PERMISSIONS.values():
        has = [
            "yes" if permission.name in BUILT_IN[role].permissions else "–"
            for role in ("ADMIN", "SUPPORT", "DEVICE_PROVISIONING")
        ]
        assert rows[permission.name] == [permission.words, *has, "yes" if permission.bounded else "–"], permission.name


def test_every_refusal_has_a_code_of_its_own_that_is_documented() -> None:
    codes = [refusal.code for refusal in refusals()]
    assert len(set(codes)) == len(codes), sorted(code for code in codes if codes.count(code) > 1)
    assert all(re.fullmatch(r"[a-z]+(?:-[a-z0-9]+)*", code) for code in codes)
    assert set(table("Refusals")) == set(codes)


def test_every_refusal_s_row_says_what_the_person_is_told_and_what_helps() -> None:
    rows = table("Refusals")
    for refusal in refusals():
        told, help_ = rows[refusal.code][:2]
        assert told == refusal.words, refusal.code
        assert help_ == refusal.advice, refusal.code


def test_the_tree_at_the_top_of_errors_draws_every_class() -> None:
    drawn = errors.__doc__ or ""
    classes = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == "otae.errors"
    }
    assert not sorted(name for name in classes if not re.search(rf"\b{name}\b", drawn))


def test_documents_are_usable_by_everybody() -> None:
    """No heading leaves out a level, and every column has a heading: the console serves these documents, too."""
    wrong = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        shown = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
        levels = [len(found[1]) for found in re.finditer(r"(?m)^(#+) ", shown)]
        wrong += [f"{path.name}: level {now} after {before}" for before, now in pairwise(levels) if now > before + 1]
        heads = re.findall(r"(?m)^(\|.*\|)\n\|[ :|-]+\|$", shown)
        wrong += [
            f"{path.name}: {head}" for head in heads if not all(cell.strip() for cell in head.strip("|").split("|"))
        ]
    assert not wrong, "\n".join(wrong)
