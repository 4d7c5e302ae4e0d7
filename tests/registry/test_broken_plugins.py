"""Discovery of broken plugins: each is one line on standard error, and nothing else changes."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest
from plugin_factory import Site, registering, run_python

import genzoo
from genzoo.core.errors import PluginError
from genzoo.registry import current as registry
from genzoo.registry import discovery, entries

CURE = "(pip install --upgrade evil, or pip uninstall evil)"


def after_a_good_one(bad: str, kind: str = "model") -> str:
    """A plugin that registers "good" and then does something else in the same function."""
    plural = {"loss": "losses"}.get(kind, f"{kind}s")
    loss = ', loss="elbo"' if kind == "model" else ""
    head = f"""
        from genzoo import hookimpl

        @hookimpl
        def register_{plural}(register):
            register("good", "nowhere:Class", summary="fine"{loss})
    """
    return dedent(head) + indent(bad, "    ")


def named(name: str) -> str:
    return after_a_good_one(f'register({name}, "a:B", summary="", loss="elbo")')


BROKEN = {
    "missing module": ("import no_such_module_at_all", "ModuleNotFoundError: No module named 'no_such_module_at_all'"),
    "ImportError of two lines": ("raise ImportError('libx.so:\\ncannot open')", "ImportError: libx.so: cannot open"),
    "SyntaxError": ("def broken(:", "SyntaxError: "),
    "null bytes": ("x = '\0'", "SyntaxError: source code string cannot contain null bytes"),
    "SystemExit": ("raise SystemExit('bye')", "SystemExit: bye"),
    "exit()": ("import sys; sys.exit()", "SystemExit"),
    "BaseException of its own": ("class Mine(BaseException): pass\nraise Mine('hello')", "Mine: hello"),
    "exception without a text": ("class Mute(Exception):\n    __str__ = None\nraise Mute", "Mute"),
    "RecursionError": ("def f(): return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "long message": ("raise ValueError('x' * 10_000)", f"ValueError: {'x' * 227}…"),
    "registers nothing": ("x = 1", "it registers nothing: does it have a function marked @hookimpl?"),
    "unmarked hook": ("def register_models(register): register('x', 'a:B')", "it registers nothing"),
    "hook without its argument": (
        "from genzoo import hookimpl\n@hookimpl\ndef register_models(): pass",
        "it registers nothing",
    ),
    "wrong hook signature": (
        "from genzoo import hookimpl\n@hookimpl\ndef register_models(registre): pass",
        "Argument(s) {'registre'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "unknown hook": (
        registering("fine") + "\n@hookimpl\ndef register_model(register): pass",
        "there is no hook 'register_model'. Did you mean 'register_models'",
    ),
    "fails in its hook": (after_a_good_one("1 / 0"), "ZeroDivisionError: division by zero"),
    "exits in its hook": (after_a_good_one("raise SystemExit"), "SystemExit"),
    "number for a name": (named("7"), "model name 7 is not kebab-case"),
    "None for a name": (named("None"), "model name None is not kebab-case"),
    "list for a name": (named("['vae']"), "model name ['vae'] is not kebab-case"),
    "upper-case name": (named("'VAE'"), "model name 'VAE' is not kebab-case"),
    "full-width name": (named("'ｖａｅ'"), "model name 'ｖａｅ' is not kebab-case"),
    "accented name": (named("'vaé'"), "model name 'vaé' is not kebab-case"),
    "empty name": (named("''"), "model name '' is not kebab-case"),
    "name that is an option": (named("'-p'"), "model name '-p' is not kebab-case"),
    "name that is a path": (named("'../vae'"), "model name '../vae' is not kebab-case"),
    "name with a newline": (named("'vae\\n'"), "model name 'vae\\n' is not kebab-case"),
    "name of 64 letters": (named("'x' * 64"), "is not kebab-case"),
    "registers twice": (named("'good'"), "model 'good' is registered twice"),
    "no summary": (
        after_a_good_one("register('x', 'a:B', loss='elbo')"),
        "TypeError: register() missing 1 required keyword-only argument: 'summary'",
    ),
    "None for a summary": (
        after_a_good_one("register('x', 'a:B', summary=None, loss='elbo')"),
        "model 'x': summary, paper and loss are texts",
    ),
    "options that are none": (
        after_a_good_one("register('x', 'a:B', summary='', loss='elbo', options=4)"),
        "TypeError: 'int' object is not iterable",
    ),
    "no loss": (after_a_good_one("register('x', 'a:B', summary='')"), "model 'x': name its loss: loss=…"),
    "loss of a dataset": (
        after_a_good_one("register('x', 'a:B', summary='', loss='elbo')", "dataset"),
        "dataset 'x': loss= is for models",
    ),
    "target without a colon": (
        after_a_good_one("register('x', 'package.module.Class', summary='', loss='elbo')"),
        "model 'x': the target is \"package.module:Class\", not 'package.module.Class'",
    ),
    "target without a class": (
        after_a_good_one("register('x', 'package:', summary='')", "metric"),
        "metric 'x': the target is \"package.module:Class\", not 'package:'",
    ),
    "target that is an object": (
        after_a_good_one("register('x', 3, summary='')", "loss"),
        "loss 'x': the target is \"package.module:Class\", not 3",
    ),
}


def own_lines(text: str) -> list[str]:
    """The lines of standard error that are not about a built-in plugin."""
    return [line for line in text.splitlines() if f" of genzoo {genzoo.__version__} is disabled" not in line]


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_one_line(site: Site, what: str, capfd: pytest.CaptureFixture[str]) -> None:
    source, reason = BROKEN[what]
    site.add(registering("first"), "a-steady-one")
    site.add(source, "evil", "1.2", entry="thing")
    site.add(registering("last"), "z-steady-one")
    names = registry.list_models()
    out, err = capfd.readouterr()
    (line,) = own_lines(err)
    assert line.startswith("genzoo: plugin thing of evil 1.2 is disabled: ")
    assert reason in line
    assert line.endswith(CURE)
    assert out == ""
    assert {"first", "last", "vae", "beta-vae"} <= set(names)
    assert not [entry for entry in registry.registry().entries if entry.origin.distribution == "evil"]
    (plugin,) = [plugin for plugin in discovery.plugins if plugin.origin.distribution == "evil"]
    assert reason in plugin.error


def test_all_broken_plugins_at_once_leave_the_program_working(site: Site) -> None:
    everything = (
        "from genzoo.registry import current as registry; print(*(e.full_name for e in registry.registry().entries))"
    )
    alone = run_python(everything)
    for number, (source, _) in enumerate(BROKEN.values()):
        site.add(source, f"evil-{number}")
    result = run_python(everything, site.folder)
    assert result.returncode == 0
    assert result.stdout == alone.stdout
    assert len(own_lines(result.stderr)) == len(BROKEN)
    assert "Traceback" not in result.stderr


def test_what_a_plugin_prints_stays_off_standard_output(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    module = site.add("print('importing')\n" + registering("talker", target="{module}"), "talkative")
    init = site.folder / module / "__init__.py"
    init.write_text(init.read_text().replace("{module}", f"{module}.model:Talker"))
    site.add_module(module, "model", "print('loading')\nclass Talker: pass")
    assert registry.registry().get("model", "talker").load().__name__ == "Talker"
    out, err = capfd.readouterr()
    assert out == ""
    assert own_lines(err) == ["importing", "loading"]


def test_ctrl_c_while_plugins_load_is_a_ctrl_c(site: Site) -> None:
    site.add("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry.registry()


def test_the_traceback_is_shown_on_request(
    site: Site, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    site.add("1 / 0")
    monkeypatch.setenv("GENZOO_DEBUG", "1")
    registry.registry()
    assert "Traceback (most recent call last)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("entry_points", "metadata_text"),
    [("[genzoo]\nthing = nowhere\n", ""), ("[genzoo]\nno equals sign\n", None), ("[genzoo]\nthing = \n", None)],
)
def test_damaged_metadata_hide_nothing(
    site: Site, entry_points: str, metadata_text: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """As an interrupted installation leaves them."""
    site.add_metadata("half", "1.0", entry_points, metadata_text)
    site.add(registering("last"), "z-steady-one")
    assert {"last", "vae"} <= set(registry.list_models())
    (line,) = own_lines(capfd.readouterr().err)
    assert "half" in line


def test_damaged_metadata_of_other_packages_do_not_matter(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.add_metadata("unrelated", "1.0", "[console_scripts]\nno equals sign\n", "")
    assert "vae" in registry.list_models()
    assert own_lines(capfd.readouterr().err) == []


class TestTarget:
    """A class that cannot be imported: an error only for who asks for it."""

    def install(self, site: Site, source: str | None) -> entries.Entry:
        module = site.add("", "evil", "1.2")
        init = site.folder / module / "__init__.py"
        init.write_text(registering("wanted", target=f"{module}.model:Wanted"))
        if source is not None:
            site.add_module(module, "model", source)
        return registry.registry().get("model", "wanted")

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            (None, "ModuleNotFoundError: No module named"),
            ("import no_such_module_at_all", "No module named 'no_such_module_at_all'"),
            ("x = 1", "AttributeError: "),
            ("Wanted = 3", "TypeError: "),
            ("def Wanted(): pass", "is not a class"),
            ("raise SystemExit('bye')", "SystemExit: bye"),
            ("class Mine(BaseException): pass\nraise Mine", "Mine"),
            ("def f(): return f()\nf()", "RecursionError"),
            ("def broken(:", "SyntaxError"),
        ],
    )
    def test_is_an_error_that_names_the_package(
        self, site: Site, source: str | None, reason: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        entry = self.install(site, source)
        assert own_lines(capfd.readouterr().err) == []
        with pytest.raises(PluginError) as refused:
            entry.load()
        assert refused.value.exit_code == 4
        assert refused.value.message.startswith("model 'wanted' of evil 1.2 cannot be imported: ")
        assert reason in refused.value.message
        assert "\n" not in refused.value.message
        assert "pip install --upgrade evil" in refused.value.hint

    def test_half_written_model_is_named_with_its_package(self, site: Site) -> None:
        source = """
            import genzoo
            class Wanted(genzoo.Model):
                class Config:
                    latent_dim = 20
        """
        with pytest.raises(PluginError, match=r"of evil 1\.2: .*Wanted\.Config must be a frozen dataclass") as refused:
            self.install(site, source).load()
        assert "@genzoo.config" in refused.value.hint

    def test_ctrl_c_is_a_ctrl_c(self, site: Site) -> None:
        entry = self.install(site, "raise KeyboardInterrupt")
        with pytest.raises(KeyboardInterrupt):
            entry.load()
