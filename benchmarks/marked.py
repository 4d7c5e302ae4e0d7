"""Parts of a document that a command writes: between two marks, the first of which names the command."""

from __future__ import annotations

from pathlib import Path

END = "<!-- end -->"


def filled(text: str, command: str, rows: str) -> str:
    """Return a document's text with new rows between a command's marks."""
    begin = f"<!-- {command} -->\n"
    before, found, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise SystemExit(f"no lines {begin.strip()} and {END}")
    return f"{before}{begin}{rows}\n{END}{after}"


def fill(file: Path, command: str, rows: str) -> None:
    """Write rows between a command's marks in a document."""
    file.write_text(filled(file.read_text(encoding="utf-8"), command, rows), encoding="utf-8")
