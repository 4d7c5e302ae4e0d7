"""Read picture files with Pillow as viewers show them: EXIF orientation applied, transparency on a background."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genzoo.core.errors import UsageError
from genzoo.system.reading import open_regular, unread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FORMATS = {
    ".png": (),
    ".jpg": (),
    ".jpeg": (),
    ".jfif": (),
    ".webp": (),
    ".bmp": (),
    ".gif": ("GIF",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".ppm": (),
    ".pgm": (),
}
"""Suffixes of pictures, with formats that a file may have in addition to `ANY`."""
ANY = ("PNG", "JPEG", "WEBP", "BMP", "PPM")
"""Formats that a file with any suffix may have: many pictures on the web have a wrong suffix."""
SUFFIXES = tuple(FORMATS)
MODES = {1: "L", 3: "RGB"}
GREY = ("1", "L", "LA", "La")
LARGEST = 1 << 26
"""Pixels. A picture that declares more is refused before it is decoded."""
DEEP_WHITE = 65_535
ORIENTATION = 0x0112
"""The EXIF tag of the orientation."""
WHITE = 255
DECODER_VERSION = "1"
"""Increase this when decoding changes."""


class Measures(NamedTuple):
    """Size and channels of a picture, from its header."""

    height: int
    """Height as shown, after the EXIF orientation."""
    width: int
    """Width as shown, after the EXIF orientation."""
    channels: int
    """1 for grey, 3 for colour, without the alpha channel."""
    transparent: bool = False
    """Whether it may have transparent parts."""


def measure(path: Path) -> Measures:
    """Return size and channels of a picture without decoding it.

    Raises:
        UsageError: The file cannot be read, or is not a picture.
    """
    with _opened(path) as file:
        return _measures(file)


def read_bytes(
    path: Path, mode: str, size: tuple[int, int] | None = None, background: int = WHITE
) -> NDArray[np.uint8]:
    """Return a picture as uint8 [H, W, C] in Pillow's mode "L" (grey) or "RGB"; of an animation the first frame.

    Args:
        path: A file with one of `SUFFIXES`.
        mode: "L" or "RGB".
        size: Height and width to scale it to (bilinear, antialiased); None: keep the size.
        background: Grey level behind transparent parts.

    Raises:
        UsageError: The file cannot be read, or is not a picture.
    """
    with _opened(path) as file:
        return _pixels(file, path, mode, size, background)


def measure_and_read(
    path: Path, wanted: Callable[[Measures], Measures | None], background: int = WHITE
) -> tuple[Measures, NDArray[np.uint8] | None]:
    """Return a picture's measures and its pixels, uint8 [H, W, C]. The file is opened once.

    Args:
        path: A file with one of `SUFFIXES`.
        wanted: Maps the measures of the file to those of the pixels; None: do not decode.
        background: See `read_bytes`.

    Raises:
        UsageError: The file cannot be read, or is not a picture.
    """
    with _opened(path) as file:
        found = _measures(file)
        want = wanted(found)
        return found, want and _pixels(file, path, MODES[want.channels], want[:2], background)


def decoder() -> list[str | None]:
    """Return the versions of everything that decodes pictures: another version may give other pixels."""
    import PIL
    from PIL import features

    return [DECODER_VERSION, PIL.__version__, *(features.version(name) for name in ("jpg", "webp", "libtiff"))]


def _measures(file: Image) -> Measures:
    grey = file.mode in GREY or file.mode.startswith("I")
    height, width = (file.width, file.height) if _orientation(file) >= 5 else (file.height, file.width)
    return Measures(height, width, 1 if grey else 3, _is_transparent(file))


def _pixels(file: Image, path: Path, mode: str, size: tuple[int, int] | None, background: int) -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image

    turn = _orientation(file)
    picture: Image.Image = _as_8_bits(file, path) if file.mode.startswith("I") else file
    if file.mode == "F":
        raise UsageError(f"{path} holds floats, and nothing says which value is white", "save it with 8 or 16 bits")
    converted = (_on_background(picture, background) if _is_transparent(picture) else picture).convert(mode)
    if turn > 1:
        converted = converted.transpose(_turns()[turn])
    if size is not None and size != (converted.height, converted.width):
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.array(converted, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _as_8_bits(file: Image, path: Path) -> Image:
    """Scale 16-bit grey levels to 8 bits; Pillow would clip them."""
    import numpy as np
    from PIL import Image

    levels = np.asarray(file)
    if levels.size and not 0 <= int(levels.min()) <= int(levels.max()) <= DEEP_WHITE:
        raise UsageError(f"{path} has levels of 32 bits, and nothing says which value is white", "save it with 16 bits")
    return Image.fromarray((levels // 257).astype(np.uint8))


def _is_transparent(file: Image) -> bool:
    """Return whether a picture may have transparent parts."""
    return file.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in file.info


def _on_background(picture: Image, background: int) -> Image:
    """Return a picture with transparent parts on a background of one grey level."""
    from PIL import Image

    behind = Image.new("RGBA", picture.size, (background, background, background, 255))
    return Image.alpha_composite(behind, picture.convert("RGBA")).convert("RGB")


def _orientation(file: Image) -> int:
    """Return the EXIF orientation of a picture, 1 to 8; 1: not rotated."""
    if file.format == "TIFF" or (file.format == "PNG" and "exif" not in file.info):
        return 1  # Pillow rotates TIFF itself, and would decode a whole PNG to search for EXIF
    value = file.getexif().get(ORIENTATION, 1)
    return value if value in _turns() else 1


def _turns() -> dict[int, Image.Transpose]:  # type: ignore[name-defined]
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }


def unreadable(path: Path) -> str:
    """Return what to do about a file that is no readable picture: by its name it should be one, or not."""
    if path.suffix.lower() in SUFFIXES:
        return f"it is damaged: copy {path.name} again, or leave it out"
    return f"name pictures: {' '.join(SUFFIXES)}"


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """Open an image with Pillow without decoding it. Errors inside become one `UsageError`."""
    from PIL import Image

    formats = (*ANY, *FORMATS.get(path.suffix.lower(), ()))
    hint = f"name pictures: {' '.join(SUFFIXES)}"
    try:
        # Pillow warns about large pictures; LARGEST is stricter and refuses them.
        with (
            warnings.catch_warnings(action="ignore"),
            open_regular(path) as stream,
            Image.open(stream, formats=formats) as file,
        ):
            if file.width * file.height > LARGEST:
                raise UsageError(
                    f"{path} declares {file.height}x{file.width} pixels; at most {LARGEST:,} are read", "scale it down"
                )
            yield file
    except OSError as error:
        if error.strerror:
            raise UsageError(unread(path, error), hint) from None
        raise UsageError(f"{path} is not a readable picture", unreadable(path)) from None
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, Image.DecompressionBombError):
        raise UsageError(f"{path} is not a readable picture", unreadable(path)) from None
