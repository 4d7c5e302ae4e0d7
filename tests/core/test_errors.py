"""Errors, and subclasses without a proper config, which are refused at their definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import genzoo
from genzoo.core import errors, options
from genzoo.core.errors import GenzooError, did_you_mean, not_installed, printable


def test_an_error_is_its_message_and_an_indented_hint() -> None:
    error = GenzooError("it is broken", "type: this\nor: that")
    assert str(error) == "it is broken\n  type: this\n  or: that"
    assert str(GenzooError("alone")) == "alone"


def test_every_kind_of_error_has_an_exit_code_of_its_own() -> None:
    every = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GenzooError)]
    kinds = [kind for kind in every if "exit_code" in vars(kind)]  # others are a special case of one of these
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes) >= 4
    assert 0 not in codes


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("vea", " Did you mean 'vae'?"),
        ("BETA-VAE", " Did you mean 'beta-vae'?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_did_you_mean(name: str, sentence: str) -> None:
    assert did_you_mean(name, ["vae", "beta-vae", "flow"]).startswith(sentence)
    assert bool(did_you_mean(name, ["vae", "beta-vae", "flow"])) == bool(sentence)
    assert did_you_mean(name, []) == ""


def test_a_name_with_the_word_is_meant_before_a_text_with_it() -> None:
    about = {"kl-warmup": "Steps over which the weight grows.", "max-steps": "End training here."}
    assert did_you_mean("steps", about, about) == " Did you mean 'max-steps'?"
    assert did_you_mean("weight", about, about) == " Did you mean 'kl-warmup'?"


def test_a_word_of_what_is_said_of_a_name_is_recognised_unless_another_name_is_near() -> None:
    known = {"kid": "kernel distance", "frechet": "distance of samples (FID)", "lr": "Learning rate."}
    assert did_you_mean("fid", known, known) == " Did you mean 'frechet'?"
    assert did_you_mean("learning-rate", known, known) == " Did you mean 'lr'?"
    assert did_you_mean("freche", [*known, "x"], {**known, "x": "freche"}) == " Did you mean 'frechet'?"
    assert did_you_mean("fid", [*known]) == " Did you mean 'kid'?"
    assert did_you_mean("sample", known, known) == ""


def test_a_word_of_a_longer_name_is_recognised() -> None:
    assert did_you_mean("elbo", ["kl", "negative-elbo", "mse"]) == " Did you mean 'negative-elbo'?"
    assert did_you_mean("elb", ["negative-elbo"]) == ""


class Plain:
    latent_dim = 20


@dataclass
class Thawed:
    latent_dim: int = 20


class Undecorated(options.NoOptions):
    latent_dim: int = 20  # no field: nothing would ever read it


@pytest.mark.parametrize("base", ["Model", "LatentModel", "Loss", "Metric"])
@pytest.mark.parametrize(
    "config", [Plain, Thawed, Undecorated, {"latent_dim": 20}, Thawed(), options.NoOptions()], ids=str
)
def test_a_config_that_is_not_a_frozen_dataclass_is_refused_at_its_definition(base: str, config: Any) -> None:
    with pytest.raises(GenzooError, match=r"\.Half\.Config must be a frozen dataclass") as refused:
        type("Half", (getattr(genzoo, base),), {"Config": config})
    assert "@genzoo.config" in refused.value.hint


@pytest.mark.parametrize("base", ["Model", "LatentModel", "Loss", "Metric"])
def test_without_a_config_there_are_no_options(base: str) -> None:
    made: Any = type("Made", (getattr(genzoo, base),), {})
    assert made.Config() == options.NoOptions()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("−ELBO ± β, σ² × 10", "−ELBO ± β, σ² × 10"),
        ("\x1b[2J\x07\n\0", r"\x1b[2J\x07\n\x00"),
        ("vae\u200b \u202eeav \udcff", r"vae\u200b \u202eeav \udcff"),
        ("short " + "x" * 500, "short " + "x" * 93 + "…" + "x" * 92),
        ("/a" * 200 + "/model.safetensors is damaged", "/a" * 44 + "/…" + "/a" * 28 + "/model.safetensors is damaged"),
    ],
)
def test_untrusted_text_is_one_line_without_control_characters(text: str, shown: str) -> None:
    line = printable(text)
    assert len(line) <= 192
    assert line.isprintable()
    if len(text) < 192:
        assert line == shown
    else:
        assert line.startswith(shown[:20])
        assert line.endswith(shown[-20:])
        assert "…" in line
        assert len(line) > 150


def test_a_line_of_many_words_is_cut_too() -> None:
    assert len(printable("word " * 10_000)) <= 192
    assert len(printable("x" * 50_000_000)) <= 192


@pytest.mark.parametrize(
    ("origin", "hint"),
    [
        ("genzoo-hvae 0.2", "pip install genzoo-hvae    if you trust who made it"),
        ("mine.py", "give its file: genzoo -p FILE.py …"),
        ("x;reboot 1", "the file names no package that could be installed: copy it again"),
        ("--index-url=http://evil 1", "the file names no package that could be installed: copy it again"),
        ("\x1b]0;x\x07 1", "the file names no package that could be installed: copy it again"),
    ],
)
def test_the_package_to_install_is_named_only_if_its_name_is_valid(origin: str, hint: str) -> None:
    assert not_installed("run", "model 'x'", origin).hint == hint
