"""Terms of use on the command line."""

import hashlib
from pathlib import Path

from tests.test_cli import CommandLine, command  # noqa: F401 - a fixture


def test_terms_are_set_from_a_file_shown_listed_and_removed(
    command: CommandLine,  # noqa: F811 - the fixture above
    tmp_path: Path,
) -> None:
    file = tmp_path / "terms.txt"
    file.write_bytes("\ufeffSeien Sie freundlich.\r\n\r\nDanke.\r\n".encode())
    made = command.json("terms-of-use", "set", "de", str(file))
    assert (made["language"], made["version"]) == ("de", 1)
    text = command.run("terms-of-use", "show", "de").stdout
    assert text == "Seien Sie freundlich.\n\nDanke."
    assert made["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    [listed] = command.json("terms-of-use", "list")
    assert (listed["sha256"], listed["created_by"]) == (made["sha256"], "command line")
    command.run("terms-of-use", "remove", "de")
    assert command.json("terms-of-use", "list") == []
    assert "there are no terms of use in 'de'" in command.refusal("terms-of-use", "show", "de")


def test_a_file_that_is_no_text_or_in_no_language_of_the_portal_is_refused(
    command: CommandLine,  # noqa: F811 - as above
    tmp_path: Path,
) -> None:
    file = tmp_path / "terms.txt"
    for content, words in ((b"\xff\xfe", "is not text in UTF-8"), (b" \n", "is empty")):
        file.write_bytes(content)
        assert words in command.refusal("terms-of-use", "set", "de", str(file))
    file.write_text("Be kind.")
    assert "use one of en" in command.refusal("terms-of-use", "set", "tlh", str(file))
    assert command.run("terms-of-use", "set", "de", str(tmp_path / "missing")).returncode == 2
