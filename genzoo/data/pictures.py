"""Reading picture files: PNG and JPEG, by Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genzoo.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg")
MODES = {1: "L", 3: "RGB"}
LARGEST = 1 << 26
"""Pixels; a picture that declares more is refused before it is decoded."""


class Measures(NamedTuple):
    """What a picture's header says."""

    height: int
    width: int
    channels: int
    """1 for grey, 3 for colour; transparency does not count."""


def measure(path: Path) -> Measures:
    """Size and channels of a picture, from its header alone.

    Raises:
        UsageError: It cannot be read, or is no picture.
    """
    with _opened(path) as file:
        grey = file.mode in ("1", "L", "LA") or file.mode.startswith("I")
        return Measures(file.height, file.width, 1 if grey else 3)


def read_bytes(path: Path, mode: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A picture as uint8 [H, W, C], converted to Pillow's mode "L" (grey) or "RGB".

    Args:
        path: A PNG or JPEG file.
        mode: "L" or "RGB".
        size: Height and width to scale it to (bilinear, antialiased); None: as it is.

    Raises:
        UsageError: It cannot be read, or is no picture.
    """
    import numpy as np
    from PIL import Image

    with _opened(path) as file:
        deep = file.mode.startswith("I")  # 16 bits, which Pillow would cut off rather than scale
        picture = Image.fromarray((np.asarray(file) // 257).astype(np.uint8)) if deep else file
        converted = picture.convert(mode)
        if size is not None and size != (converted.height, converted.width):
            converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        pixels = np.array(converted, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], -1)


def pictures_in(folder: Path) -> list[Path]:
    """The PNG and JPEG files that lie in a folder, by name; hidden ones are passed over."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name.lower().endswith(SUFFIXES) and not e.name.startswith(".")]
    return [folder / name for name in sorted(names)]


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """Pillow's image, not decoded yet. What goes wrong inside is said in one line."""
    from PIL import Image

    try:
        # Pillow warns of large pictures; LARGEST is stricter, and refuses.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("PNG", "JPEG")) as file:
            if file.width * file.height > LARGEST:
                raise UsageError(
                    f"{path} declares {file.height}x{file.width} pixels; at most {LARGEST:,} are read", "scale it down"
                )
            yield file
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise UsageError(f"{path}: {error.strerror}", "name PNG or JPEG files") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise UsageError(f"{path} is no PNG or JPEG image", "name PNG or JPEG files") from None
