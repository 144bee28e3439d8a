"""Uploaded pictures: what is refused before it is decoded, and that of the file nothing is left."""

import io
import struct
import zlib
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest

from otae.branding import pictures
from otae.branding.pictures import BOX, LARGEST_PICTURE, Picture, reencoded
from otae.errors import InputRefused

Image: Any = import_module("PIL.Image")
SCRIPT = b"<script>alert(1)</script>"


def written(image: Any, kind: str = "PNG", **options: Any) -> bytes:  # noqa: ANN401 - an image of Pillow
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(mode: str = "RGB", size: tuple[int, int] = (60, 20), colour: Any = "red") -> Any:  # noqa: ANN401 - as above
    return Image.new(mode, size, colour)


def read(picture: Picture) -> Any:  # noqa: ANN401 - as above
    assert picture.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture.png) <= LARGEST_PICTURE
    image = Image.open(io.BytesIO(picture.png))
    assert image.size == (picture.width, picture.height)
    return image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes, pixels: bytes = b"") -> bytes:
    """Write a PNG file by hand, which may say what is not so."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(pixels)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


TEN = (b"\0" + b"\x80" * 30) * 10
ZIPPED = b"name\0\0" + zlib.compress(b"x" * 20_000_000)
REFUSED = {
    "nothing": (b"", "no PNG or JPEG"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "no PNG or JPEG"),
    "gif": (written(plain(), "GIF"), "no PNG or JPEG"),
    "webp": (b"RIFF\x10\0\0\0WEBPVP8 ", "no PNG or JPEG"),
    "page": (SCRIPT, "no PNG or JPEG"),
    "page before a picture": (SCRIPT + written(plain()), "no PNG or JPEG"),
    "too large a file": (written(plain()) + b"\0" * pictures.LARGEST_FILE, "larger than 2 MB"),
    "gif that says it is a PNG": (b"\x89PNG\r\n\x1a\n" + written(plain(), "GIF"), "damaged"),
    "signature alone": (b"\xff\xd8\xff", "damaged"),
    "cut off": (written(plain("RGB", (900, 300)), "JPEG")[:700], "damaged"),
    "pixels missing": (png(100, 100, pixels=b"\0" * 10), "damaged"),
    "no pixels": (png(0, 10), "damaged"),
    "nine million pixels": (png(3000, 3000, pixels=b"\0" * 1000), "more than 8 million pixels"),
    "bomb": (png(30_000, 30_000, pixels=b"\0" * 1_000_000), "more than 8 million pixels"),
    "largest there can be": (png(2**31 - 1, 2**31 - 1), "more than 8 million pixels"),
    "bomb in a text": (png(10, 10, chunk(b"zTXt", ZIPPED), pixels=TEN), "damaged"),
    "bomb in a profile": (png(10, 10, chunk(b"iCCP", ZIPPED), pixels=TEN), "damaged"),
    "animated": (written(plain(), save_all=True, append_images=[plain(colour="blue")]), "animated"),
    "invisible": (written(plain("RGBA", colour=(255, 0, 0, 0))), "every pixel is transparent"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_picture_for_a_page_is_refused_in_words(what: str) -> None:
    data, words = REFUSED[what]
    with pytest.raises(InputRefused) as caught:
        reencoded(data)
    assert words in caught.value.fields["file"]


@pytest.mark.filterwarnings("ignore:Image size")
def test_too_many_pixels_are_refused_where_pillow_would_only_warn() -> None:
    with pytest.raises(InputRefused, match="more than 8 million pixels"):
        reencoded(png(12_000, 12_000, pixels=b"\0" * 1000))


def test_more_pixels_than_it_says_are_not_read() -> None:
    assert read(reencoded(png(10, 10, pixels=TEN + b"\0" * 50_000_000))).size == (10, 10)


def test_a_picture_fits_the_box_and_is_never_made_larger() -> None:
    assert read(reencoded(written(plain("RGB", (2000, 500))))).size == (480, 120)
    assert read(reencoded(written(plain("RGB", (30, 10))))).size == (30, 10)
    tall = read(reencoded(written(plain("RGB", (100, 1000)))))
    assert tall.height == BOX[1]


def test_a_picture_of_many_colours_is_made_small_enough() -> None:
    noise = bytes((n * n * 31 + n * 7 + (n >> 3)) & 255 for n in range(600 * 160 * 4))
    small = read(reencoded(written(Image.frombytes("RGBA", (600, 160), noise))))
    assert small.width > 100


def test_of_the_file_nothing_is_left_but_the_picture() -> None:
    described = import_module("PIL.PngImagePlugin").PngInfo()
    described.add_text("Comment", "made by ada")
    data = written(plain(), pnginfo=described, icc_profile=b"profile of a screen") + SCRIPT
    made = reencoded(data).png
    assert not any(part in made for part in (b"script", b"ada", b"iCCP", b"tEXt", b"zTXt", b"eXIf"))
    assert Image.open(io.BytesIO(made)).convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_a_photograph_lies_as_its_camera_says() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    made = read(reencoded(written(plain("RGB", (300, 100)), "JPEG", exif=turned)))
    assert made.height > made.width


def test_printers_colours_and_sixteen_bits_are_read_right() -> None:
    ink = plain("CMYK", colour=(0, 255, 255, 0))
    assert read(reencoded(written(ink, "JPEG"))).convert("RGB").getpixel((5, 5))[0] > 240
    ramp = Image.new("I;16", (100, 20))
    ramp.putdata([65535 * (n % 100) // 99 for n in range(2000)])
    grey = read(reencoded(written(ramp))).convert("L")
    assert [abs(grey.getpixel((x, 5)) - right) < 4 for x, right in ((0, 0), (50, 129), (99, 255))] == [True] * 3


@pytest.mark.parametrize(("mode", "colour"), [("P", 3), ("1", 1), ("L", 9), ("LA", (9, 100)), ("RGBA", (9, 9, 9, 9))])
def test_every_kind_of_png_is_read(mode: str, colour: Any) -> None:  # noqa: ANN401 - a colour of each kind
    assert read(reencoded(written(plain(mode, colour=colour)))).size == (60, 20)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_damaged_file_is_refused_or_read_and_nothing_else() -> None:
    whole = [written(plain("RGBA", (40, 30), (9, 8, 7, 100))), written(plain("RGB", (40, 30)), "JPEG")]
    for data in whole:
        for at in range(len(data)):
            damaged = data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
            with suppress(InputRefused):
                read(reencoded(damaged))
