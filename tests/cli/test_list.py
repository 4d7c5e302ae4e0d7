"""What there is: list, info, plugins and help, all without waiting for torch."""

from __future__ import annotations

import dataclasses
import json
import re
import resource
import subprocess
import sys

import pytest
from commandline import command, environment, genzoo, refused

import genzoo as package
from genzoo.cli.list import HEADINGS
from genzoo.core.hookspecs import API
from genzoo.core.options import describe_fields
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.registry.entries import WITH_OPTIONS
from genzoo.runs.config import Components

WITHOUT_TORCH = """
import sys
from genzoo.cli.main import main
code = main(sys.argv[1:])
heavy = sorted({"torch", "torchvision", "numpy", "matplotlib", "tyro"} & set(sys.modules))
print("HEAVY", heavy, file=sys.stderr)
sys.exit(code)
"""
QUICK = [["list"], ["list", "--json"], ["--help"], ["run", "--help"], ["plugins"], ["--version"], []]


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_the_catalogue_imports_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "HEAVY []\n")
    assert done.stdout


@pytest.mark.parametrize("words", ["list", "--help", "plugins", "--version"])
def test_the_catalogue_is_quick(words: str) -> None:
    """Processor time, best of five: a busy machine makes it wait, and that is not its fault. 0.12 s on an idle one."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command(words), env=environment(), capture_output=True, check=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if seconds[-1] < 0.5:
            return
    raise AssertionError(f"at best {min(seconds):.2f} s")


def test_version() -> None:
    assert genzoo("--version").out == f"genzoo {package.__version__}, plugin API {API}\n"


@pytest.mark.parametrize("words", ["", "--help", "-h"])
def test_help_begins_with_what_to_type(words: str) -> None:
    result = genzoo(words)
    assert (result.code, result.err) == (0, "")
    for verb in ("run", "list", "info", "plugins", "evaluate", "sample", "reconstruct", "data"):
        assert f"\n    {verb}" in result.out
    assert "genzoo run vae --dataset digits" in result.out


def test_list_shows_every_entry_once() -> None:
    result = genzoo("list")
    rows = [line[10:].split()[0] for line in result.out.splitlines()]
    assert rows == [entry.name for kind in HEADINGS for entry in registry().matching(kind)]
    assert result.err == ""


def test_list_takes_a_pattern_and_a_kind() -> None:
    names = [line[10:].split()[0] for line in genzoo("list", "*vae*").out.splitlines()]
    assert names == [name for name in registry().names("model") if "vae" in name]
    assert {"beta-vae", "conv-vae", "vae"} <= set(names)
    heading, *others = genzoo("list", "--kind", "loss").out.splitlines()
    assert heading.split()[:2] == ["LOSSES", "elbo"]
    assert [line.split()[0] for line in others] == list(registry().names("loss")[1:])


def test_list_as_json() -> None:
    rows = json.loads(genzoo("list", "--json").out)
    assert len(rows) == len(registry().entries)
    assert {"kind", "name", "summary", "paper", "origin"} == set(rows[0])
    (row,) = json.loads(genzoo("list", "beta-v*", "--json", "--kind", "model").out)
    assert (row["name"], row["origin"]) == ("beta-vae", f"genzoo {package.__version__}")
    assert json.loads(genzoo("list", "nothing-such", "--json").out) == []


def test_plugins() -> None:
    text, rows = genzoo("plugins").out, json.loads(genzoo("plugins", "--json").out)
    assert len(text.splitlines()) == len(rows) >= 10
    registered = {(kind, name) for row in rows for kind, names in row["registers"].items() for name in names}
    assert registered >= {(entry.kind, entry.name) for entry in registry().entries}
    assert not any(row["error"] for row in rows)


@pytest.mark.parametrize(("kind", "name"), sorted((entry.kind, entry.name) for entry in registry().entries))
def test_info_shows_summary_source_and_every_option(kind: str, name: str) -> None:
    entry = registry().get(kind, name)  # type: ignore[arg-type]
    result = genzoo("info", name)
    assert (result.code, result.err) == (0, "")
    assert f"{kind} {name} · {entry.summary}\n" in result.out
    assert entry.paper in result.out
    if kind not in WITH_OPTIONS:
        assert "  use       genzoo " in result.out
        return
    for field, _, default, text in describe_fields(default_config(entry, entry.options)):
        option = f"--{'data.' if kind == 'dataset' else ''}{field.replace('_', '-')} "
        assert text
        assert re.search(
            rf"{re.escape(option)}\S[^\n]*\s+{re.escape(text)} \(default: {re.escape(default)}\)\n", result.out
        )
    if kind == "model":
        assert all(f" on {dataset} " in result.out for dataset in registry().names("dataset"))


def test_info_tells_how_a_registration_differs_from_its_class() -> None:
    assert "losses    elbo (beta 4.0), factor, importance-weighted, reconstruction, tc\n" in genzoo("info beta-vae").out
    assert "losses    elbo, factor, importance-weighted, reconstruction, tc\n" in genzoo("info vae").out
    assert "on moons          conv-vae needs images" in genzoo("info conv-vae").out


def test_info_counts_the_parameters() -> None:
    """784-400-20: two layers each way, with the encoder's last layer giving mean and log-variance."""
    count = 784 * 400 + 400 + 400 * 40 + 40 + 20 * 400 + 400 + 400 * 784 + 784
    assert f"on mnist             {count:,} parameters" in genzoo("info vae").out


def test_run_help_needs_no_names() -> None:
    result = genzoo("run --help")
    assert (result.code, result.err) == (0, "")
    for option in ("--dataset", "--loss", "--config", "--runs", "--out", "--data-root", "--json", "--quiet"):
        assert f"\n  {option}" in result.out


@pytest.mark.parametrize("model", registry().names("model"))
@pytest.mark.parametrize("words", ["--help", "--dataset digits --help", "--dataset moons -h"])
def test_help_of_a_model_shows_every_option_with_text_and_default(model: str, words: str) -> None:
    result = genzoo(f"run {model} {words}")
    assert (result.code, result.err) == (0, "")
    dataset = "moons" if "moons" in words else "digits"
    config = Components.find(registry(), model, dataset).defaults()
    flat = " ".join(word for word in result.out.split() if word not in "│|")
    for field in dataclasses.fields(config)[3:]:
        part, prefix = getattr(config, field.name), "data." if field.name == "data_config" else ""
        for name, _, default, text in describe_fields(part):
            rest = flat.partition(f"--{prefix}{name.replace('_', '-')} ")[2]
            assert f"{text} (default: {default})" in rest, name
    beta, loss = {"beta-vae": "4.0"}.get(model, "1.0"), registry().get("model", model).loss
    assert ("--beta" in flat) == (loss in ("elbo", "tc"))
    assert (f"--beta FLOAT Weight of the KL term. (default: {beta})" in flat) == (loss == "elbo")


def test_help_of_a_broken_choice_is_refused() -> None:
    assert refused(genzoo("run vea --help")) == "no model named 'vea'. Did you mean 'vae'?"
    assert refused(genzoo("run vae --dataset digits --loss elbow --help")).startswith("no loss named 'elbow'.")
    assert genzoo("run ae --loss reconstruction --help").code == 0
