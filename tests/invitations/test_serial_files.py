"""Serial numbers in texts and in files, as spreadsheets and people write them."""

import io

import pytest

from otae.errors import InputRefused
from otae.invitations import serial_files


@pytest.mark.parametrize(
    "data",
    [
        b"C02XK0AAAJG5\nC02XK0AAAJG6\n",
        b"Serial Number\nC02XK0AAAJG5\nC02XK0AAAJG6",
        "asset;Seriennummer\r\n1;C02XK0AAAJG5\r\n\r\n2;C02XK0AAAJG6\r\n".encode("utf-16"),
        "\ufeffserial,model\nC02XK0AAAJG5,Mac\nC02XK0AAAJG6,Mac\n".encode(),
        b'Inventory of May\n\nname,serial\nx,="C02XK0AAAJG5"\nx,\nx,C02XK0AAAJG6\n',
    ],
)
def test_a_file_has_them_in_its_serial_column_or_in_the_first(data: bytes) -> None:
    assert [serial for _, serial in serial_files.read_file(io.BytesIO(data))] == ["C02XK0AAAJG5", "C02XK0AAAJG6"]


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputRefused):
        serial_files.read_file(io.BytesIO(b"PK\x03\x04\x00\x00sheet"))
    assert serial_files.read_file(io.BytesIO(b"")) == []


def test_a_text_has_them_one_a_line_or_with_commas() -> None:
    assert serial_files.read_text("A1, B2\r\n\nC3;D4,\n") == [(1, "A1"), (1, " B2"), (3, "C3"), (3, "D4")]
