"""`genzoo check`: how findings are printed. The checks themselves are tested in tests/testing."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import pytest
from commandline import genzoo, refused
from plugin_factory import Site

import genzoo as package
from genzoo.cli.check import lines, matters, print_finding
from genzoo.registry.current import registry
from genzoo.runs.run import Run
from genzoo.testing import Finding


def finding(verdict: str, check: str = "gradients", on: str = "vectors", at: str = "") -> Finding:
    return Finding(on, check, verdict, "no fault", "a fault", "change it", at)  # type: ignore[arg-type]


def test_a_fault_says_what_was_found_what_must_hold_and_what_to_change() -> None:
    assert lines(finding("FAIL")) == [
        "  FAIL  gradients   vectors",
        "        found   a fault",
        "        must    no fault",
        "        change  change it",
    ]
    assert lines(finding("PASS")) == ["  PASS  gradients   vectors"]
    assert lines(finding("n/a")) == ["  n/a   gradients   vectors: a fault"]


@pytest.mark.parametrize(
    ("kind", "verdict", "check", "shown"),
    [
        ("model", "FAIL", "gradients", True),
        ("model", "WARN", "gradients", True),
        ("model", "PASS", "gradients", False),
        ("model", "n/a", "gradients", False),
        ("model", "n/a", "builds", True),
        ("metric", "n/a", "value", True),
    ],
)
def test_faults_and_what_could_not_run_are_shown(kind: str, verdict: str, check: str, shown: bool) -> None:
    assert matters(kind, finding(verdict, check)) == shown


def test_a_repeated_fault_is_one_line_and_a_repeated_exception_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    broken, printed = Counter[str](), set[tuple[str, str]]()
    print_finding(finding("FAIL"), broken, printed)
    print_finding(finding("FAIL", on="images"), broken, printed)
    assert capsys.readouterr().out.splitlines()[4:] == ["  FAIL  gradients   images: a fault"]
    for _ in range(3):
        print_finding(finding("FAIL", at="model.py:7"), broken, printed)
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert broken["model.py:7"] == 3


def test_an_unknown_name_is_refused() -> None:
    assert refused(genzoo("check vea")).startswith("nothing is named 'vea'. Did you mean 'vae'")


def test_a_package_is_checked_whole(site: Site) -> None:
    def registered(hook: str, name: str) -> str:
        kind = hook.removesuffix("s")
        body = f"    register({name!r}, 'genzoo.core.{kind}:{kind.title()}', summary='x', paper='y')\n"
        return f"@genzoo.hookimpl\ndef register_{hook}(register):\n{body}\n\n"

    source = "import genzoo\n\nGENZOO_API = 2\n\n\n" + registered("commands", "one") + registered("listeners", "two")
    site.add(source.replace("core.listener:Listener", "core.listener:RunListener"), distribution="genzoo-whole")
    found = genzoo("check", "genzoo-whole", "--only", "command", "--only", "listener", "--all")
    headings = [line for line in found.out.splitlines() if not line.startswith(" ")][:-1]
    assert headings == ["command one of genzoo-whole 1.2", "listener two of genzoo-whole 1.2"]
    assert "PASS  listener" in found.out
    assert refused(genzoo("check", "genzoo-nothing")).startswith("nothing is named 'genzoo-nothing'")


def test_a_check_that_does_not_exist_is_refused() -> None:
    result = genzoo("check", "moons", "--only", "classes,typs")
    assert result.code == 2
    assert result.err.startswith("genzoo: no check named 'classes'. Did you mean 'class'")


def test_options_of_what_is_checked() -> None:
    found = genzoo("check", "vae", "--only", "shapes", "--model.hidden", "16", "8", "--beta=2", "--all")
    assert found.code == 0
    assert "PASS  shapes" in found.out
    assert dict(registry().get("model", "vae").options) == {"hidden": (16, 8)}
    assert dict(registry().get("loss", "elbo").options) == {"beta": 2.0}


@pytest.mark.long
def test_a_dataset_of_another_run_is_checked_and_models_on_its_examples(moons_run: Run) -> None:
    of_run = ("--on", moons_run.path.name, "--runs", moons_run.path.parent, "--only", "form,shapes", "--all")
    found = genzoo("check", "codes", *of_run)
    assert (found.code, found.out.count("PASS")) == (0, 1)
    found = genzoo("check", "flow-matching", "--kind", "model", "--dataset", "codes", *of_run)
    assert "  PASS  shapes      codes: flow-matching × flow-matching on 2\n" in found.out
    assert found.code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("vae --latnt-dim 3", "no option --latnt-dim of vae, elbo. Did you mean '--latent-dim'"),
        ("vae --loss.latent-dim 3", "no option --loss.latent-dim of vae, elbo."),
        ("vae --latent-dim many", "--latent-dim must be a whole number, not 'many'"),
        ("vae --latent-dim 0", "--latent-dim must be at least 1, not 0"),
        ("codes --on nowhere", "no run"),
        ("gaussian --sigma 3", "no option --sigma of what is checked."),
    ],
)
def test_options_that_there_are_not_are_refused(words: str, said: str) -> None:
    assert refused(genzoo(f"check {words}")).startswith(said)


def test_a_model_that_needs_a_run_says_what_to_type() -> None:
    class Second(package.Model):
        @package.config
        class Config:
            first: Annotated[str, package.RunRef] = ""
            """The run of the first stage."""

        def __init__(self, spec: package.DataSpec, config: Any) -> None:
            if not config.first:
                raise package.UsageError("it needs a first stage")
            super().__init__(spec, config)

    package.register_model("second", Second, loss="nll", summary="x", paper="y")
    found = genzoo("check", "second", "--only", "loss")
    assert "change  genzoo check second --first RUN\n" in found.out
    assert found.code == 1
