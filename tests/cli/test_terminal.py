"""Tables in a terminal and in a pipe."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable
from fcntl import ioctl

import pytest
from commandline import command, environment

from genzoo.cli.terminal import print_table, print_tables, print_text
from genzoo.reporting.format import aligned
from genzoo.reporting.tables import INTERVAL, ReportTable

NARROW = [["model", "mse", "kl"], ["vae", "0.01000", "25.12 ± 0.30"], ["ae", "0.00900", "n/a (no prior p(z))"]]
WIDE = [["", *(f"metric-{number}" for number in range(12))], ["vae", *(f"{number}.25" for number in range(12))]]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """Text in memory that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard output as a colour terminal of 80 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def printed(terminal: Terminal, show: Callable[..., None], *arguments: object, **options: object) -> None:
    """Call `show` with the terminal as standard output, here and not in the fixture: pytest sets its own in between."""
    with contextlib.redirect_stdout(terminal):
        show(*arguments, **options)


def bare(text: str) -> str:
    """The text without escape sequences and without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in ESCAPE.sub("", text).splitlines())


def test_a_table_that_fits_has_the_columns_of_the_plain_one(terminal: Terminal) -> None:
    printed(terminal, print_table, NARROW)
    assert bare(terminal.getvalue()) == aligned(NARROW)
    assert "\x1b[1mmodel" in terminal.getvalue()
    assert "\x1b[2mn/a (no prior p(z))\x1b[0m" in terminal.getvalue()


def test_warnings_are_red(terminal: Terminal) -> None:
    printed(terminal, print_text, "vae: worse than baseline! MSE 0.03", indent=2)
    assert terminal.getvalue().rstrip() == "  vae: \x1b[1;31mworse than baseline! MSE 0.03\x1b[0m"


def test_no_color_leaves_no_escape_sequence(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    printed(terminal, print_tables, [ReportTable("title", NARROW, ["a note"])])
    assert "\x1b" not in terminal.getvalue()
    assert bare(terminal.getvalue()).startswith(f"title\n{aligned(NARROW)}\n  a note\n\n")


def test_a_table_too_wide_goes_on_below_with_the_names_of_its_rows(terminal: Terminal) -> None:
    printed(terminal, print_table, [*WIDE, ["only-2", "", "2", *[""] * 10]])
    tables = [part.splitlines() for part in bare(terminal.getvalue()).split("\n\n")]
    assert [[line.split() for line in lines] for lines in tables] == [
        [WIDE[0][1:8], WIDE[1][:8], ["only-2", "2"]],
        [WIDE[0][8:], ["vae", *WIDE[1][8:]]],
    ]


def test_texts_are_wrapped_before_a_column_goes_on_below_and_all_columns_of_names_come_again(
    terminal: Terminal,
) -> None:
    rows = [["model", "rank", *"abcdef"], ["vae", "1", *["27.93 ± 0.31, test ± 0.41"] * 6]]
    printed(terminal, print_table, rows, names=2)
    tables = bare(terminal.getvalue()).split("\n\n")
    assert [table.split()[:5] for table in tables] == [["model", "rank", *"abc"], ["model", "rank", *"def"]]
    assert all(table.splitlines()[1].split()[:2] == ["vae", "1"] for table in tables)


def test_a_number_and_its_interval_stand_on_one_line(terminal: Terminal) -> None:
    pair = "27.93 ± 0.31, examples ± 0.41"
    printed(terminal, print_table, [["model", *"abc"], ["vae", pair, f"≤ {pair}", pair]])
    text = bare(terminal.getvalue())
    assert [text.count(part) for part in ("27.93 ± 0.31", "≤ 27.93 ± 0.31", "examples ± 0.41")] == [3, 1, 3]
    assert text.count("vae") == 1


def test_a_row_whose_name_leaves_no_room_has_a_line_for_each_value(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "28")
    name = "hierarchical-text-vae-26"
    printed(terminal, print_table, [WIDE[0], [name, *WIDE[1][1:]]])
    lines = bare(terminal.getvalue()).splitlines()
    assert lines[0] == f"  {name}"
    assert [line.split() for line in lines[1:]] == [[f"metric-{number}", f"{number}.25"] for number in range(12)]


@pytest.mark.usefixtures("terminal")
def test_no_word_or_number_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that does not fit has narrower gaps and wraps at blanks, or else goes on below."""
    heads = ["", "train (10,000)", "validation (5,000)", "test (10,000)", "± 95 %, examples"]
    rows = [heads, ["reconstruction (nats)", "151.96", "151.61", "151.04", "0.43"], ["KL", *(4 * ["12,345.67"])]]
    words = {word for row in rows for text in row for word in text.split()}
    for columns in range(45, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        made = Terminal()
        printed(made, print_table, rows)
        assert words <= set(bare(made.getvalue()).split()), columns


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_nothing_is_wider_than_the_terminal(columns: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    printed(
        terminal, print_tables, [ReportTable("title " * 40, table, ["a long note " * 20]) for table in (NARROW, WIDE)]
    )
    assert max(map(len, ESCAPE.sub("", terminal.getvalue()).splitlines())) <= columns


def test_a_dumb_terminal_gets_plain_text(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    printed(terminal, print_table, WIDE)
    assert terminal.getvalue() == aligned(WIDE) + "\n"


def test_a_pipe_gets_plain_text_of_any_width(capsys: pytest.CaptureFixture[str]) -> None:
    print_tables([ReportTable("title", WIDE, ["note " * 40])])
    assert capsys.readouterr().out == f"title\n{aligned(WIDE)}\n  {'note ' * 40}\n\n{INTERVAL}\n"


@pytest.mark.parametrize("stream", ["terminal", "pipe"])
def test_control_characters_are_spelled_out(stream: str, request: pytest.FixtureRequest) -> None:
    out = io.StringIO() if stream == "pipe" else request.getfixturevalue("terminal")
    with contextlib.redirect_stdout(out):
        print_tables([ReportTable("t\x1b[2J", [["a", "b"], ["\x1b]0;x\x07", "[red]1[/red]"]], ["\r\x9b"])])
    text = ESCAPE.sub("", out.getvalue())
    assert all(part in text for part in (r"t\x1b[2J", r"\x1b]0;x\x07", "[red]1[/red]", r"\r\x9b"))
    assert not set(text) & {"\x1b", "\x07", "\r", "\x9b"}


def test_the_catalogue_in_a_terminal_of_80_columns() -> None:
    main, other = pty.openpty()
    ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    variables = environment(TERM="xterm", NO_COLOR="")
    for name in ("COLUMNS", "LINES"):
        variables.pop(name, None)
    process = subprocess.Popen(command("list"), env=variables, stdin=other, stdout=other, stderr=other)
    os.close(other)
    written = b""
    with contextlib.suppress(OSError):  # how Linux ends a pseudo-terminal
        while chunk := os.read(main, 1 << 16):
            written += chunk
    os.close(main)
    assert process.wait(60) == 0
    lines = bare(written.decode()).splitlines()
    assert max(map(len, lines)) <= 80
    headings = [line.split()[0] for line in lines if line[:1].isupper()]
    assert headings[:3] == ["MODELS", "DATASETS", "LOSSES"]
    assert {"beta-vae", "digits", "adversarial", "iaf"} <= {word for line in lines for word in line.split()}


def test_a_number_and_its_unit_stand_on_one_line(terminal: Terminal) -> None:
    printed(terminal, print_table, [["run", "age", "size"], ["a " * 40, "28 min", "1.2 MB"]])
    assert [bare(terminal.getvalue()).count(text) for text in ("28 min", "1.2 MB")] == [1, 1]


def test_spare_columns_are_left_out_until_no_text_is_broken(terminal: Terminal) -> None:
    rows = [["run", "size", "loss"], ["a" * 50, "30 MB of files", "b" * 20]]
    printed(terminal, print_table, rows, spare=("size", "loss"))
    assert bare(terminal.getvalue()).split() == ["run", "loss", "a" * 50, "b" * 20]
    terminal.truncate(0)
    printed(terminal, print_table, rows, spare=("loss of another",))
    assert "30 MB" in bare(terminal.getvalue())


def test_texts_of_one_column_are_cut_off_before_columns_are_left_out(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [["run", "options", "status", "size", "loss"], ["vae-digits", "beta=4 " * 9, "finished", "1.2 MB", "34.53"]]
    spare = ("size", "options", "loss")
    for width, columns in ((110, [0, 1, 2, 3, 4]), (60, [0, 1, 2, 3, 4]), (45, [0, 1, 2, 4]), (36, [0, 2, 4])):
        monkeypatch.setenv("COLUMNS", str(width))
        printed(terminal, print_table, rows, left=3, spare=spare, cut="options")
        header, row = bare(terminal.getvalue()).splitlines()[-2:]
        assert header.split() == [rows[0][place] for place in columns]
        assert max(len(header), len(row)) <= width
        assert ("…" in row) == (36 < width < 110)
        assert row.endswith("34.53")
