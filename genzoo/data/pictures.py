"""Reading picture files: PNG and JPEG, by Pillow."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genzoo.errors import UsageError
from genzoo.reading import open_regular

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


def pictures_in(folder: Path, within: Path | None = None) -> list[Path]:
    """The PNG and JPEG files that lie in a folder, by name; hidden ones are passed over.

    Args:
        folder: Where to look.
        within: The folder that the user named; None: `folder` itself.

    Raises:
        UsageError: The folder or one of the files is a link out of the one that was named.
    """
    top = os.path.realpath(within or folder)
    with os.scandir(folder) as entries:
        found = [e for e in entries if e.name.lower().endswith(SUFFIXES) and not e.name.startswith(".")]
    for path in (folder, *(Path(entry.path) for entry in found if entry.is_symlink())):
        if not os.path.join(os.path.realpath(path), "").startswith(os.path.join(top, "")):
            raise UsageError(f"{path} is a link out of {within or folder}", "copy what it leads to, or name its folder")
    return [folder / name for name in sorted(entry.name for entry in found)]


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    """Pillow's image, not decoded yet. What goes wrong inside is said in one line."""
    from PIL import Image

    try:
        # Pillow warns of large pictures; LARGEST is stricter, and refuses.
        with (
            warnings.catch_warnings(action="ignore"),
            open_regular(path) as stream,
            Image.open(stream, formats=("PNG", "JPEG")) as file,
        ):
            if file.width * file.height > LARGEST:
                raise UsageError(
                    f"{path} declares {file.height}x{file.width} pixels; at most {LARGEST:,} are read", "scale it down"
                )
            yield file
    except OSError as error:
        problem = f": {error.strerror}" if error.strerror else " is no PNG or JPEG image"
        raise UsageError(f"{path}{problem}", "name PNG or JPEG files") from None
    except (ValueError, SyntaxError, Image.DecompressionBombError):
        raise UsageError(f"{path} is no PNG or JPEG image", "name PNG or JPEG files") from None
