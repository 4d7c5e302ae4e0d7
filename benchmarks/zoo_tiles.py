"""Small pictures of what a model draws, and the sheet of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

import genzoo
from genzoo.figures.canvas import CLASS_COLOURS, DATA_COLOUR, MODEL_COLOUR, grid_of
from genzoo.figures.image_grid import font
from genzoo.figures.scatter import limits, planes
from genzoo.runs.run import Run

WIDTH, HEIGHT = 168, 88
"""Of a picture, in pixels."""
COLUMNS, LABEL, GAP = 8, 18, 10
"""Pictures in a row of the sheet; the height of their names and the gaps between them, in pixels."""
IN_A_ROW, ROWS = 8, 4
"""Images in a picture."""
POINTS, SEQUENCES = 600, 16


def save_tile(path: Path, run: Run) -> None:
    """Write a picture of what a run's model draws: images; rows beside the data's; or tokens, a row a sequence."""
    spec = run.model.spec
    if spec.is_image:
        y = torch.arange(IN_A_ROW * ROWS) % IN_A_ROW if run.model.conditional else None
        picture = of_images(genzoo.sample(run, IN_A_ROW * ROWS, y))
    elif spec.kind == "tokens":
        picture = of_tokens(genzoo.sample(run, SEQUENCES))
    else:
        real = genzoo.load_data(run)["test"].x[:POINTS].cpu()
        picture = of_rows(spec.original(real).flatten(1), genzoo.sample(run, POINTS, noise=True).flatten(1))
    picture.quantize(32).save(path, optimize=True)


def of_images(x: Tensor) -> Image.Image:
    """Draw images [N, C, H, W] in rows."""
    grid = Image.fromarray((grid_of(x.float().clamp(0, 1), IN_A_ROW) * 255).round().byte().numpy())
    factor = max(1, min(WIDTH // grid.width, HEIGHT // grid.height))
    return grid.resize((grid.width * factor, grid.height * factor), Image.Resampling.NEAREST)


def of_tokens(x: Tensor) -> Image.Image:
    """Draw sequences [N, L] as rows of colours."""
    n, length = x.shape
    size = max(1, min(WIDTH // length, HEIGHT // n))
    picture = Image.new("RGB", (length * size, n * size), "white")
    draw = ImageDraw.Draw(picture)
    for row in range(n):
        for place in range(length):
            box = (place * size, row * size, place * size + size - 2, row * size + size - 2)
            draw.rectangle(box, CLASS_COLOURS[int(x[row, place]) % len(CLASS_COLOURS)])
    return picture


def of_rows(real: Tensor, new: Tensor) -> Image.Image:
    """Draw rows of numbers [N, F], real ones on the left, in the plane of the data's largest variance."""
    _, _, sets = planes(real, new)[0]
    low, high = limits(sets[0])
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    side = min(WIDTH // 2, HEIGHT)
    for half, (points, colour) in enumerate(zip(sets, (DATA_COLOUR, MODEL_COLOUR), strict=True)):
        places = (points - low) / (high - low).max() * (side - 2)
        inside = places[((places >= 0) & (places < side - 1)).all(1)]
        for across, up in inside.tolist():
            x, y = half * (WIDTH // 2) + int(across), HEIGHT - 2 - int(up)
            draw.rectangle((x, y, x + 1, y + 1), colour)
    return picture


def sheet_size(count: int) -> tuple[int, int]:
    """Return width and height of a sheet of so many pictures."""
    return COLUMNS * (WIDTH + GAP) + GAP, -(-count // COLUMNS) * (HEIGHT + LABEL + GAP) + GAP


def save_sheet(path: Path, tiles: Sequence[Path]) -> None:
    """Write the pictures of all models on one sheet, with their names."""
    across, down = WIDTH + GAP, HEIGHT + LABEL + GAP
    sheet = Image.new("RGB", sheet_size(len(tiles)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, tile in enumerate(tiles):
        left, top = GAP + number % COLUMNS * across, GAP + number // COLUMNS * down
        draw.text((left, top), tile.stem, "black", font(8))
        sheet.paste(Image.open(tile).convert("RGB"), (left, top + LABEL))
    sheet.quantize(64).save(path, optimize=True)
