"""Reads an uploaded picture and writes it anew, small: of the file itself nothing is kept or served."""

import io
import struct
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from otae.errors import InputRefused
from otae.translatable import N_

#: Most bytes of an upload, and of the picture that is made from it.
LARGEST_FILE: Final = 2 * 1024 * 1024
LARGEST_PICTURE: Final = 12_000
#: Most pixels of an upload, checked before they are decoded: 64 MB of memory at most.
MOST_PIXELS: Final = 8_000_000
#: Most width and height of the picture that is made: twice what pages show, for dense screens.
BOX: Final = (480, 128)
#: How the files begin that are taken.
_BEGINNINGS: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
#: Numbers of colours tried in turn until the picture is small enough; then it is made smaller.
_COLOURS: Final = (256, 64, 16)
#: What decoders raise on damaged files.
_DAMAGED: Final = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, OverflowError, struct.error)


@dataclass(frozen=True)
class Picture:
    """A PNG file of at most LARGEST_PICTURE bytes, and its size in pixels."""

    png: bytes
    width: int
    height: int


def reencoded(data: bytes) -> Picture:
    """Return the picture of a PNG or JPEG file in a size for pages; blocks: to be called in a thread.

    Raises:
        InputRefused: "file": It is no such file, too large, animated, damaged, or there is nothing to be seen.
    """
    if len(data) > LARGEST_FILE:
        raise _refused(N_("is larger than 2 MB"))
    if not data.startswith(_BEGINNINGS):
        raise _refused(N_("is no PNG or JPEG file"))
    library = import_module("PIL.Image")  # with the first upload: no other request needs it
    try:
        return _fitted(library, _decoded(library, data))
    except (library.DecompressionBombError, library.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except _DAMAGED as error:
        raise _refused(N_("is damaged: it cannot be read")) from error


def _refused(words: str) -> InputRefused:
    return InputRefused({"file": words})


def _too_many_pixels() -> InputRefused:
    return _refused(N_("has more than %(most)s million pixels", most=MOST_PIXELS // 1_000_000))


def _decoded(library: Any, data: bytes) -> Any:  # noqa: ANN401 - a module and an image of Pillow
    """Return the image upright, in red, green, blue and alpha."""
    image = library.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels()
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise _refused(N_("is animated: use a still picture"))
    image = import_module("PIL.ImageOps").exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits of grey, which a plain conversion would cut at 255
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[1] == 0:
        raise _refused(N_("shows nothing: every pixel is transparent"))
    return image


def _fitted(library: Any, image: Any) -> Picture:  # noqa: ANN401 - as above
    """Return the image in BOX with as many colours and pixels as fit LARGEST_PICTURE bytes."""
    image.thumbnail(BOX, library.Resampling.LANCZOS)
    while True:
        image.info = {}  # no profile, text or position of a camera is written along
        method = library.Quantize.FASTOCTREE
        for made in (image, *(image.quantize(colours, method=method) for colours in _COLOURS)):
            png = io.BytesIO()
            made.save(png, "PNG", optimize=True)
            if png.tell() <= LARGEST_PICTURE:
                return Picture(png.getvalue(), made.width, made.height)
        image = image.resize((max(1, image.width * 4 // 5), max(1, image.height * 4 // 5)))
