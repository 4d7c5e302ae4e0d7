"""Commands of plugins."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from textwrap import dedent

import pytest
from plugin_factory import Site

from genzoo.cli.main import main
from genzoo.core.command import VERBS, Command
from genzoo.registry import current as registry

REGISTER = """
    from genzoo import hookimpl

    @hookimpl
    def register_commands(register):
        register("shout", f"{__name__}.command:Shout", summary="says it louder")
"""
MODULE = """
    import argparse
    import genzoo

    class Shout(genzoo.Command):
        def arguments(self, parser):
            parser.add_argument("word", help="what to shout")
            parser.add_argument("--times", type=int, default=1, help="how often")

        def run(self, options):
            if options.word == "quiet":
                raise genzoo.UsageError("quiet cannot be shouted", "genzoo shout loud")
            if options.word == "broken":
                raise RuntimeError("no voice")
            print((options.word.upper() + "! ") * options.times)
            return 7 if options.word == "seven" else None
"""


@pytest.fixture
def shout(site: Site) -> str:
    """An installed package with the command `shout`; its module."""
    module = site.add(REGISTER)
    site.add_module(module, "command", MODULE)
    return module


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    return code, *capsys.readouterr()


@pytest.mark.usefixtures("shout")
def test_a_command_is_a_verb_like_genzoos_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(capsys, "shout", "hello", "--times", "2") == (0, "HELLO! HELLO! \n", "")
    assert typed(capsys, "evil/shout", "hello")[:2] == (0, "HELLO! \n")
    assert typed(capsys, "shout", "seven")[0] == 7
    code, out, _ = typed(capsys, "shout", "--help")
    assert code == 0
    assert "usage: genzoo shout [-h] [--times TIMES] word" in out
    assert "what to shout" in out


@pytest.mark.usefixtures("shout")
def test_the_help_and_the_list_name_it(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ((), ("--help",)):
        said = typed(capsys, *words)[1]
        assert "from plugins:\n" in said
        assert "\n    shout        says it louder\n" in said
    assert " shout " in typed(capsys, "list", "--kind", "command")[1]
    assert "genzoo shout --help" in typed(capsys, "info", "shout")[1]
    monkeypatch.setenv("PYTHONPATH", str(site.folder))
    assert typed(capsys, "check", "shout", "--kind", "command")[0] == 0


@pytest.mark.usefixtures("shout")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("shout", "quiet"), 2, "genzoo: quiet cannot be shouted\n  genzoo shout loud\n"),
        (("shout", "broken"), 4, "genzoo: RuntimeError: no voice, in "),
        (("shout",), 2, "genzoo: the following arguments are required: word\n  type: genzoo shout --help\n"),
        (("shout", "a", "--tims", "2"), 2, "genzoo: unrecognised: --tims 2\n  type: genzoo shout --help\n"),
        (("shuot", "hello"), 2, "genzoo: no command named 'shuot'. Did you mean 'shout'?\n"),
    ],
)
def test_what_goes_wrong_is_one_line(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = typed(capsys, *words)
    assert (found, out) == (code, "")
    assert err.startswith(said)
    assert "Traceback" not in err


def test_two_packages_one_command(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("one", "two"):
        module = site.add(REGISTER, package)
        site.add_module(module, "command", MODULE)
    code, _, err = typed(capsys, "shout", "hello")
    assert code == 2
    assert "command 'shout' is claimed by one 1.2 and two 1.2\n  type one/shout\n  type two/shout" in err
    assert typed(capsys, "two/shout", "hello")[:2] == (0, "HELLO! \n")


@pytest.mark.every(4)
@pytest.mark.parametrize("verb", VERBS)
def test_genzoos_own_verbs_cannot_be_taken(verb: str, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.add(
        f"""
        from genzoo import hookimpl

        @hookimpl
        def register_commands(register):
            register({verb!r}, "nowhere:Command", summary="")
        """
    )
    registry.registry()
    assert f"plugin of evil 1.2 is disabled: command {verb!r} is one of genzoo's own" in capsys.readouterr().err


def test_the_list_of_verbs_is_the_command_lines(capsys: pytest.CaptureFixture[str]) -> None:
    listed = re.findall(r"^    ([\w-]+) ", typed(capsys, "help")[1], flags=re.MULTILINE)
    assert sorted(listed) == sorted({*VERBS, *registry.registry().names("command")})


def test_a_files_command(tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.py"
    hook = """
    @genzoo.hookimpl
    def register_commands(register):
        register("shout", Shout, summary="says it louder")
    """
    file.write_text(dedent(MODULE) + dedent(hook))
    assert typed(capsys, "-p", str(file), "shout", "hello") == (0, "HELLO! \n", "")


def test_a_command_must_do_something() -> None:
    with pytest.raises(NotImplementedError, match=r"Command must define run\(options\)"):
        Command().run(argparse.Namespace())
