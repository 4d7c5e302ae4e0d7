"""Reading picture files by Pillow, as viewers show them: turned, and laid on a ground where they are transparent."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genzoo.core.errors import UsageError
from genzoo.system.reading import open_regular

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
"""Endings of pictures, and what such a file may be besides the formats that any may be."""
ANY = ("PNG", "JPEG", "WEBP", "BMP", "PPM")
"""Many a picture from the web has another's ending."""
SUFFIXES = tuple(FORMATS)
MODES = {1: "L", 3: "RGB"}
GREY = ("1", "L", "LA", "La")
LARGEST = 1 << 26
"""Pixels; a picture that declares more is refused before it is decoded."""
DEEP_WHITE = 65_535
ORIENTATION = 0x0112
"""The tag of EXIF that says how a picture is to be turned."""
WHITE = 255
DECODER_VERSION = "1"
"""To be raised when pictures are decoded in another way."""


class Measures(NamedTuple):
    """What a picture's header says."""

    height: int
    """As it is shown."""
    width: int
    channels: int
    """1 for grey, 3 for colour; transparency does not count."""
    transparent: bool = False
    """Whether it may have transparent parts."""


def measure(path: Path) -> Measures:
    """Size and channels of a picture, from its header alone.

    Raises:
        UsageError: It cannot be read, or is no picture.
    """
    with _opened(path) as file:
        return _measures(file)


def read_bytes(
    path: Path, mode: str, size: tuple[int, int] | None = None, background: int = WHITE
) -> NDArray[np.uint8]:
    """A picture as uint8 [H, W, C], converted to Pillow's mode "L" (grey) or "RGB"; the first one of an animation.

    Args:
        path: A file with one of `SUFFIXES`.
        mode: "L" or "RGB".
        size: Height and width to scale it to (bilinear, antialiased); None: as it is.
        background: Grey level of the ground on which transparent parts are laid.

    Raises:
        UsageError: It cannot be read, or is no picture.
    """
    with _opened(path) as file:
        return _pixels(file, path, mode, size, background)


def measure_and_read(
    path: Path, wanted: Callable[[Measures], Measures | None], background: int = WHITE
) -> tuple[Measures, NDArray[np.uint8] | None]:
    """What a picture's header says and its pixels uint8 [H, W, C], with the file opened once.

    Args:
        path: A file with one of `SUFFIXES`.
        wanted: What the pixels are to be converted to, by what the header says; None leaves them undecoded.
        background: As for `read_bytes`.

    Raises:
        UsageError: It cannot be read, or is no picture.
    """
    with _opened(path) as file:
        found = _measures(file)
        want = wanted(found)
        return found, want and _pixels(file, path, MODES[want.channels], want[:2], background)


def decoder() -> list[str | None]:
    """What decodes pictures, with its versions: another one may give other pixels."""
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
    picture: Image.Image = _shallow(file, path) if file.mode.startswith("I") else file
    if file.mode == "F":
        raise UsageError(f"{path} holds floats, of which none says what is white", "save it with 8 or 16 bits")
    converted = (_on_ground(picture, background) if _is_transparent(picture) else picture).convert(mode)
    if turn > 1:
        converted = converted.transpose(_turns()[turn])
    if size is not None and size != (converted.height, converted.width):
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.array(converted, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def _shallow(file: Image, path: Path) -> Image:
    """Grey levels of 16 bits as 8, which Pillow would cut off rather than scale."""
    import numpy as np
    from PIL import Image

    levels = np.asarray(file)
    if levels.size and not 0 <= int(levels.min()) <= int(levels.max()) <= DEEP_WHITE:
        raise UsageError(f"{path} has levels of 32 bits, of which none says what is white", "save it with 16 bits")
    return Image.fromarray((levels // 257).astype(np.uint8))


def _is_transparent(file: Image) -> bool:
    """Whether a picture has transparent parts, or could."""
    return file.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in file.info


def _on_ground(picture: Image, background: int) -> Image:
    """A picture with transparent parts as it looks on a ground of one grey level."""
    from PIL import Image

    ground = Image.new("RGBA", picture.size, (background, background, background, 255))
    return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")


def _orientation(file: Image) -> int:
    """How a picture is to be turned, 1 to 8 as EXIF has it; 1: not at all."""
    if file.format == "TIFF" or (file.format == "PNG" and "exif" not in file.info):
        return 1  # Pillow turns TIFF itself, and would decode a PNG to look behind its pixels
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


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """Pillow's image, not decoded yet. What goes wrong inside is said in one line."""
    from PIL import Image

    formats = (*ANY, *FORMATS.get(path.suffix.lower(), ()))
    hint = f"name pictures: {' '.join(SUFFIXES)}"
    try:
        # Pillow warns of large pictures; LARGEST is stricter, and refuses.
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
        problem = f": {error.strerror}" if error.strerror else " is no picture that can be read"
        raise UsageError(f"{path}{problem}", hint) from None
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, Image.DecompressionBombError):
        raise UsageError(f"{path} is no picture that can be read", hint) from None
