"""`genzoo info`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from commandline import genzoo

from genzoo.cli.info import oracle
from genzoo.core.options import describe_fields
from genzoo.registry.configs import default_config, field_names
from genzoo.registry.current import registry
from genzoo.registry.entries import WITH_OPTIONS
from genzoo.training.config import Training


def named() -> list[Any]:
    """Everything that is registered; in the quick suite two of each kind, and a model with phases, with options of
    sampling, of tokens and of rows."""
    seen: Counter[str] = Counter()
    found = []
    for kind, name in sorted((entry.kind, entry.name) for entry in registry().entries):
        seen[kind] += 1
        quick = seen[kind] <= 2 or name in ("vae", "beta-vae", "gan", "ddpm", "transformer", "tvae")
        found.append(pytest.param(kind, name, marks=[] if quick else pytest.mark.long))
    return found


@pytest.mark.every(3)
@pytest.mark.parametrize(("kind", "name"), named())
def test_info_shows_summary_source_and_every_option(kind: str, name: str) -> None:
    entry = registry().get(kind, name)  # type: ignore[arg-type]
    result = genzoo("info", name)
    assert (result.code, result.err) == (0, "")
    title = f"{kind} {name} · {entry.summary}\n"
    assert title in result.out
    own = re.split(r"(?m)^\S", result.out.partition(title)[2])[0]  # others may have this name
    assert entry.paper in " ".join(result.out.split())
    assert bool(entry.theory) == (f": genzoo prove {name}\n" in own) == ("\n  oracle    " in own)
    if kind not in WITH_OPTIONS:
        assert re.search(rf"^  use       .*\bgenzoo\b.*\b{name}", own, re.MULTILINE)
        return
    for field, _, default, text in describe_fields(default_config(entry, entry.options)):
        shared = kind in ("model", "loss") and field in field_names(Training)
        section = "data." if kind == "dataset" else f"{name}." if kind == "launcher" else f"{kind}." if shared else ""
        option = f"--{section}{field.replace('_', '-')} "
        assert text
        assert re.search(
            rf"{re.escape(option)}\S[^\n]*\s+{re.escape(text)} \(default: {re.escape(default)}\)\n", result.out
        )
    if kind == "model":
        named = set(re.findall(r"[\w-]+", result.out))
        assert set(registry().names("dataset")) <= named
        assert "  objective " in result.out
        assert "  can       sample" in result.out
        assert "  needs     data of kind " in result.out
        assert "  published " in result.out


def test_info_tells_how_a_registration_differs_from_its_class() -> None:
    assert "  losses    elbo (beta 4.0), adversarial-codes, " in genzoo("info beta-vae").out
    assert "  losses    elbo, adversarial-codes, " in genzoo("info vae").out
    refused = " ".join(genzoo("info conv-vae").out.split("not on")[1].split())
    assert "swiss-roll: conv-vae needs images" in refused
    assert "fitted    in closed form" in genzoo("info ppca").out
    own = [entry.name for entry in registry().matching("model") if entry.loss == "elbo"]
    assert f"own of {', '.join(own)} " in " ".join(genzoo("info elbo").out.split())
    assert "phases    loss, discriminator\n" in genzoo("info factor").out


def test_info_names_the_options_that_no_bound_alone_can_choose() -> None:
    for name in ("beta-vae", "elbo"):
        shown = " ".join(genzoo("info", name).out.split())
        assert "trade-off --capacity, --beta, --gamma: rate for distortion" in shown
    assert "trade-off" not in genzoo("info nll").out


def test_info_shows_what_numbers_are_held_against_and_what_was_reproduced() -> None:
    shown = " ".join(genzoo("info kde").out.split())
    assert "oracle ∫ p = 1; h is the best with each example left out of its own term" in shown
    assert "published The paper publishes theorems and no benchmark." in shown
    assert "published fvsbn.nll ≤ 97.7 (published: 96.58): 96.90" in " ".join(genzoo("info fvsbn").out.split())
    assert "oracle The inverse inverts" in " ".join(genzoo("info spline").out.split())  # of a partial, its function


def test_a_theory_that_cannot_be_imported_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(registry().get("model", "kde"), theory="nowhere:at_all")
    assert oracle(entry) == ""
    others = [other for other in registry().entries if other.name != "kde"]
    monkeypatch.setattr(registry(), "entries", [*others, entry])
    assert "  objective " in genzoo("info kde").out


def test_lines_of_details_fit_into_80_columns() -> None:
    for name in ("vae", "m2-vae", "factor", "kl", "gaussian"):
        lines = genzoo("info", name).out.splitlines()[1:]
        assert all(len(line) <= 80 for line in lines if not line.startswith(("  --", "   " * 10)))


def test_info_counts_the_parameters() -> None:
    """784-400-20: two layers each way, with the encoder's last layer giving mean and log-variance."""
    count = 784 * 400 + 400 + 400 * 40 + 40 + 20 * 400 + 400 + 400 * 784 + 784
    assert f"{count:,} parameters on emnist, fashion-mnist, kmnist, mnist" in genzoo("info vae").out
