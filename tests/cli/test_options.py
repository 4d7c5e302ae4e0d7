"""Invalid usage: the message says what, where and what to type, and nothing is left behind."""

from __future__ import annotations

import dataclasses
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commandline import command, environment, genzoo, refused

from genzoo.cli.options import parse
from genzoo.core.options import describe_fields
from genzoo.registry.current import registry
from genzoo.runs.config import Components
from genzoo.runs.sections import PARTS
from genzoo.training.config import Training

DIGITS = "run vae --dataset digits"

ALL_OPTIONS = "all options: genzoo run vae --dataset digits --help"

MODELS = f"known: {len(registry().names('model'))} names; type: genzoo list --kind model"

DATASETS = f"known: {len(registry().names('dataset'))} names; type: genzoo list --kind dataset"

CUDA = f"(torch {torch.__version__}, CUDA {torch.version.cuda or 'none'})"


pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


CASES: list[tuple[str, str, list[str]]] = [
    # names
    ("frobnicate", "no command named 'frobnicate'.", ["all commands: genzoo help"]),
    (
        "rum vae --dataset digits",
        "no command named 'rum'. Did you mean 'run' or 'resume'?",
        ["all commands: genzoo help"],
    ),
    ("--debgu list", "unrecognised: --debgu", ["type: genzoo list --help"]),
    ("--frobnicate", "unrecognised: --frobnicate", ["type: genzoo --help"]),
    ("list --frobnicate", "unrecognised: --frobnicate", ["type: genzoo list --help"]),
    ("list --js", "unrecognised: --js", ["type: genzoo list --help"]),
    ("compare bench --csv c2.csv", "unrecognised: c2.csv", ["--csv prints: genzoo compare bench --csv > c2.csv"]),
    ("compare --csv c2.csv", "unrecognised: c2.csv", ["--csv prints: genzoo compare --csv > c2.csv"]),
    (
        "compare b --csv --out t.csv",
        "unrecognised: --out t.csv",
        ["--csv prints: genzoo compare b --csv > t.csv"],
    ),
    (
        "compare b --out t.md -q",
        "unrecognised: --out t.md",
        ["--markdown prints: genzoo compare b -q --markdown > t.md"],
    ),
    (
        "bench vae digits --html x.html",
        "unrecognised: x.html",
        ["--html prints: genzoo bench vae digits --html > x.html"],
    ),
    ("race vae digits --csv", "--csv is not for race", ["of what is made: genzoo compare race/digits --csv"]),
    ("sweep vae moons --csv c.csv", "unrecognised: c.csv", ["--csv prints: genzoo sweep vae moons --csv > c.csv"]),
    ("evaluate a --csv x.csv", "unrecognised: --csv x.csv", ["JSON: genzoo evaluate a --json > FILE.json"]),
    ("list 'x", 'nothing matches "\'x"', ["type: genzoo list"]),
    ("list --kind foo", "argument --kind: invalid choice: 'foo'", ["type: genzoo list --help"]),
    ("info", "the following arguments are required: name", ["type: genzoo info --help"]),
    ("info vea", "nothing is named 'vea'. Did you mean 'vae'", ["type: genzoo list"]),
    ("info mnits", "nothing is named 'mnits'. Did you mean 'mnist'", ["type: genzoo list"]),
    ("info elbow", "nothing is named 'elbow'. Did you mean 'elbo'", ["type: genzoo list"]),
    ("plugins all", "no plugin 'all'.", ["type: genzoo plugins"]),
    ("evaluate", "the following arguments are required: RUN", ["type: genzoo evaluate --help"]),
    ("run", "which model? genzoo run MODEL --dataset NAME", [MODELS.replace("known", "models")]),
    ("run --dataset digits", "which model? genzoo run MODEL --dataset NAME", [MODELS.replace("known", "models")]),
    ("run vae", "which dataset? genzoo run vae --dataset NAME", ["datasets: "]),
    (
        "run vae --datset digits",
        "which dataset? genzoo run vae --dataset NAME, not --datset",
        ["datasets: "],
    ),
    ("run vae --dataset", "argument --dataset: expected one argument", ["type: genzoo run --help"]),
    (
        "run betavae --dataset digits",
        "no model named 'betavae'. Did you mean 'beta-vae'?",
        [MODELS, "plugin not installed? genzoo plugins"],
    ),
    ("run VAE --dataset digits", "no model named 'VAE'. Did you mean 'vae'", [MODELS, "plugin not installed?"]),
    ("run vae --dataset minst", "no dataset named 'minst'. Did you mean 'mnist'", [DATASETS, "plugin not installed?"]),
    (
        f"{DIGITS} --loss elbow",
        "no loss named 'elbow'. Did you mean 'elbo'",
        [MODELS.split()[0], "plugin not installed?"],
    ),
    # options
    (
        f"{DIGITS} --betta 6",
        "no option --betta. Did you mean --beta?",
        ["--beta FLOAT  Weight of the KL term. (default: 1.0)", ALL_OPTIONS],
    ),
    (
        "run beta-vae --dataset digits --betta=6",
        "no option --betta. Did you mean --beta?",
        ["--beta FLOAT  Weight of the KL term. (default: 4.0)", "all options: genzoo run beta-vae --dataset digits"],
    ),
    (f"{DIGITS} --epoch 3", "no option --epoch. Did you mean --epochs?", ["--epochs INT", ALL_OPTIONS]),
    (f"{DIGITS} --quite", "no option --quite. Did you mean --quiet?", [ALL_OPTIONS]),
    (f"{DIGITS} --d 3", "no option --d.", [ALL_OPTIONS]),
    (
        f"{DIGITS} --validation 0",
        "no option --validation. Did you mean --data.validation?",
        ["--data.validation INT", ALL_OPTIONS],
    ),
    (
        "run conv-vae --dataset digits --hidden 3",
        "--hidden belongs to model aae, model ae and ",
        ["all options: genzoo run conv-vae --dataset digits --help"],
    ),
    (
        "run ae --dataset digits --beta 3",
        "--beta belongs to loss elbo, loss tc and loss views; this run is ae with loss reconstruction on digits",
        ["all options: genzoo run ae --dataset digits --help"],
    ),
    (
        f"{DIGITS} --data.noise 3",
        "--data.noise belongs to dataset moons, dataset pinwheel and 6 others; "
        "this run is vae with loss elbo on digits",
        [ALL_OPTIONS],
    ),
    ("run vae digits mnist", "unrecognised: 'mnist'", ["model and dataset are vae and digits, and options begin with"]),
    ("run vae digist", "no dataset named 'digist'. Did you mean 'digits'", [DATASETS, "plugin not installed?"]),
    (
        "list --kind models",
        "argument --kind: invalid choice: 'models'. Did you mean 'model'?",
        ["type: genzoo list --help"],
    ),
    ("runs shwo", "invalid choice: 'shwo'. Did you mean 'show'?", ["type: genzoo runs --help"]),
    (
        "runs compare a b",
        "invalid choice: 'compare'. Did you mean 'diff'? There is: genzoo compare",
        ["type: genzoo runs --help"],
    ),
    (
        "runs compare runs/",
        "invalid choice: 'compare'. Did you mean 'diff'? There is: genzoo compare",
        ["type: genzoo runs --help"],
    ),
    ("runs delete a", "invalid choice: 'delete'. Did you mean 'rm'?", ["type: genzoo runs --help"]),
    ("runs ls sweep/", "invalid choice: 'ls'. Did you mean 'list'?", ["type: genzoo runs --help"]),
    ("data remove", "invalid choice: 'remove'. Did you mean 'clear'?", ["type: genzoo data --help"]),
    ("config get", "invalid choice: 'get'. Did you mean 'show'?", ["type: genzoo config --help"]),
    (f"{DIGITS} extra", "unrecognised: 'extra'", ["model and dataset are vae and digits, and options"]),
    # values
    (f"{DIGITS} --epochs x", "--epochs must be a whole number or auto, not 'x'", [ALL_OPTIONS]),
    (f"{DIGITS} --epochs 0", "--epochs must be at least 1, not 0", [ALL_OPTIONS]),
    (f"{DIGITS} --epochs", "Missing value for argument '--epochs'. Expected 1 values.", [ALL_OPTIONS]),
    (f"{DIGITS} --lr x", "--lr must be a number, not 'x'", [ALL_OPTIONS]),
    (f"{DIGITS} --lr nan", "--lr must be a finite number, not nan", [ALL_OPTIONS]),
    (f"{DIGITS} --lr inf", "--lr must be a finite number, not inf", [ALL_OPTIONS]),
    (f"{DIGITS} --lr 0", "--lr must be more than 0, not 0.0", [ALL_OPTIONS]),
    (f"{DIGITS} --latent-dim 0", "--latent-dim must be at least 1, not 0", [ALL_OPTIONS]),
    (f"{DIGITS} --latent-dim -5", "--latent-dim must be at least 1, not -5", [ALL_OPTIONS]),
    (f"{DIGITS} --latent-dim 1.5", "--latent-dim must be a whole number, not '1.5'", [ALL_OPTIONS]),
    (f"{DIGITS} --hidden 4 x", "--hidden: 'x' is no whole number", ["write numbers, such as --hidden 400,200"]),
    (f"{DIGITS} --hidden 64-32", "--hidden 64-32: 64 comes after 32", ["write 32-64, or 64,32"]),
    (f"{DIGITS} --hidden 4,x", "--hidden: 'x' is no whole number", ["write numbers, such as --hidden 400,200"]),
    (f"{DIGITS} --capacity foo", "--capacity cannot be 'foo'", [ALL_OPTIONS]),
    (f"{DIGITS} --seed -1", "--seed must be at least 0, not -1", [ALL_OPTIONS]),
    (f"{DIGITS} --data.resize 3000", "--data.resize must be at least 0 and at most 256, not 3000", [ALL_OPTIONS]),
    (f"{DIGITS} --data.validation 5000", "--data.validation 5000 leaves nothing to train on", [ALL_OPTIONS]),
    (
        "run vae --dataset moons --data.seed -1",
        "--data.seed must be at least 0, not -1",
        ["all options: genzoo run vae --dataset moons --help"],
    ),
    (
        f"{DIGITS} --optimizer adm",
        "no optimizer named 'adm'. Did you mean 'adam'?",
        ["known: adam, adamw, muon, sgd", "plugin not installed?"],
    ),
    (f"{DIGITS} --optimizer adam:0.1", "--optimizer adam:0.1: adam takes no argument", ["type: --optimizer adam"]),
    (
        f"{DIGITS} --optimizer sgd:-1",
        "--optimizer sgd:-1: the momentum must be 0 or a positive number",
        ["for example sgd:0.1"],
    ),
    (
        f"{DIGITS} --optimizer adamw:0.1 --weight-decay 0.2",
        "--weight-decay 0.2 and a decay of 0.1 by --optimizer exclude each other",
        ["leave one of them out"],
    ),
    (
        f"{DIGITS} --schedule cosin",
        "no schedule named 'cosin'. Did you mean 'cosine'?",
        ["known: constant, cosine, linear", "plugin not installed?"],
    ),
    (
        f"{DIGITS} --likelihood foo",
        "no likelihood named 'foo'",
        ["known: bernoulli, continuous-bernoulli", "plugin not installed?"],
    ),
    (
        f"{DIGITS} --likelihood gaussian:-1",
        "--likelihood gaussian:-1: σ must be a positive number",
        ["for example gaussian:0.1"],
    ),
    (
        "run vae --dataset moons --likelihood bernoulli",
        "--likelihood bernoulli is for values between 0 and 1; these data have others",
        ["use gaussian-learned"],
    ),
    (
        "run vae --dataset moons --binarize dynamic",
        "--binarize is for images; these data are vectors of 2",
        ["all options: genzoo run vae --dataset moons --help"],
    ),
    (f"{DIGITS} --device foo", "--device foo: no such kind of device", ["use auto, cpu, cuda, cuda:1 or mps"]),
    (f"{DIGITS} --device meta", "--device meta: genzoo trains on cpu, cuda and mps", ["use --device auto"]),
    # what does not fit together
    (
        "run conv-vae --dataset digits",
        "conv-vae needs images of at least 16x16; these are 8x8",
        ["use another model, or --data.resize 32"],
    ),
    (
        "run conv-vae --dataset moons",
        "conv-vae needs images (C, H, W); these data are vectors of 2",
        ["all options: genzoo run conv-vae --dataset moons --help"],
    ),
    (
        "run ae --dataset digits --loss elbo",
        "loss 'elbo' cannot train ae: it needs a prior p(z), and AE has none",
        ["leave --loss out, or: genzoo list"],
    ),
    (
        f"{DIGITS} --patience 3 --data.validation 0",
        "--patience needs validation data to judge by",
        ["leave --data.validation at its default"],
    ),
    ("-p nope.py list", "-p nope.py: no such file", ["type: genzoo -p FILE.py"]),
]


@pytest.mark.every(2)
@pytest.mark.parametrize(("words", "message", "hints"), CASES, ids=[case[0] for case in CASES])
def test_refused(words: str, message: str, hints: list[str]) -> None:
    result = genzoo(words)
    assert refused(result).startswith(message)
    lines = [line.strip() for line in result.err.splitlines()[1:]]
    assert len(lines) == len(hints)
    assert all(line.startswith(hint) for line, hint in zip(lines, hints, strict=True)), lines


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("shapes", "genzoo run vae folder --data.path shapes"),
        ("table.csv", "genzoo run vae csv --data.path table.csv"),
        ("x.npy", "genzoo run vae npz --data.path x.npy"),
        ("empty", "genzoo run vae KIND --data.path empty; KIND is one of "),
        ("folder shapes", "genzoo run vae folder --data.path shapes"),
    ],
)
def test_the_path_of_own_data_is_given_back_as_a_command(
    words: str, hint: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.chdir(folder)
    (folder / "shapes" / "circle").mkdir(parents=True)
    (folder / "empty").mkdir()
    for name in ("table.csv", "x.npy", "shapes/circle/1.PNG"):
        (folder / name).touch()
    result = genzoo(f"run vae {words}")
    assert refused(result)
    assert result.err.splitlines()[1].strip().startswith(hint)


@pytest.mark.parametrize("words", ["--epochs 2.5", "--lr abc", "--hidden big", "--likelihood"])
def test_a_terminal_is_told_the_same_as_a_pipe(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """tyro colours its messages where standard output is a terminal."""
    plain = genzoo(f"{DIGITS} {words}").err
    monkeypatch.setattr("tyro._fmtlib._FORCE_ANSI", True)
    assert genzoo(f"{DIGITS} {words}").err == plain
    assert "\x1b" not in plain


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert refused(genzoo(f"{DIGITS} --device {name}")) == f"--device {name}, but torch sees no CUDA device {CUDA}"


@pytest.mark.parametrize("words", ["--latent-dim 1000000000", f"--latent-dim {10**21}", "--hidden 99999999 99999999"])
def test_a_model_that_no_machine_holds_is_refused_before_it_is_allocated(words: str) -> None:

    genzoo(f"{DIGITS} --latent-dim x")  # loads what the parser needs
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    message = refused(genzoo(f"{DIGITS} {words}"))
    assert time.perf_counter() - start < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert message.startswith("vae with these options needs ")
    assert " TB to train; this machine has " in message


def test_a_folder_that_holds_something_is_not_touched(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.toml").write_text("years of work")
    before = os.stat(mine / "thesis.toml"), os.stat(mine)
    assert refused(genzoo(f"{DIGITS} --out {mine}")) == f"--out {mine}: it exists already; nothing was changed"
    assert (os.stat(mine / "thesis.toml").st_mtime_ns, os.stat(mine).st_mtime_ns) == (
        before[0].st_mtime_ns,
        before[1].st_mtime_ns,
    )
    assert [path.name for path in mine.iterdir()] == ["thesis.toml"]
    assert refused(genzoo(f"{DIGITS} --out {mine}/thesis.toml")).endswith(": it exists already; nothing was changed")


@pytest.mark.parametrize("option", ["--out", "--runs"])
def test_a_folder_below_a_file(tmp_path: Path, option: str) -> None:
    (tmp_path / "file.toml").touch()
    result = genzoo(f"{DIGITS} {option} {tmp_path}/file.toml/x")
    assert refused(result) == f"cannot write to {tmp_path}/file.toml"
    assert result.err.splitlines()[1] == f"  choose another folder with {option} FOLDER"


def test_a_folder_that_cannot_be_made() -> None:
    """On /proc even root makes nothing, so nothing can be foreseen."""
    result = genzoo("run", "vae", "--dataset", "moons", "--runs", "/proc/here", "--quiet")
    assert refused(result).startswith("cannot make /proc/here/vae-moons-")


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert refused(genzoo(f"{DIGITS} --runs {tmp_path}/new")) == f"cannot write to {tmp_path}"


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Training) if "Literal" in str(field.type)])
def test_every_choice_names_its_alternatives(name: str) -> None:
    message = refused(genzoo(f"{DIGITS} --{name} foo"))
    assert "Expected one of" in message or " or auto, not 'foo'" in message


@pytest.mark.parametrize("reader", ["true", "head -1"])
def test_a_reader_that_goes_away_is_no_error(reader: str) -> None:
    """`genzoo list | head -1`; and one that reads nothing at all, so that even the last flush fails."""
    line = f"{sys.executable} -m genzoo list | {reader}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_pipe_closed_before_it_is_written(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    variables = environment(PYTHONUNBUFFERED=unbuffered)
    done = subprocess.run(command("list"), env=variables, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_run_help_needs_no_names() -> None:
    result = genzoo("run --help")
    assert (result.code, result.err) == (0, "")
    for option in ("--dataset", "--loss", "--config", "--runs", "--out", "--data-root", "--json", "-q, --quiet"):
        assert f"\n  {option}" in result.out


HELPED = [(model, "--help") for model in ("beta-vae", "gan", "ddpm", "transformer", "beta-tc-vae", "ppca")]
"""With `vae` the quick suite's: a registration of another's class, phases, options of sampling, tokens, no steps."""


@pytest.mark.parametrize(
    ("model", "words"),
    [
        pytest.param(model, words, marks=[] if model == "vae" or (model, words) in HELPED else pytest.mark.long)
        for model in registry().names("model")
        for words in ("--help", "--dataset digits --help", "--dataset moons -h")
    ],
)
def test_help_of_a_model_shows_every_option_with_text_and_default(model: str, words: str) -> None:
    result = genzoo(f"run {model} {words}")
    assert (result.code, result.err) == (0, "")
    dataset = "moons" if "moons" in words else "digits"
    config = Components.find(registry(), model, dataset).defaults()
    flat = " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80
    for part in PARTS:
        for name, _, default, text in describe_fields(getattr(config, part)):
            spelling = config.sections.key(part, name).replace("_", "-")
            rest = re.split(rf"--{spelling}[ ,]", flat, maxsplit=1)[1]
            assert f"{text} (default: {default})" in rest, name
    beta, loss = {"beta-vae": "4.0"}.get(model, "1.0"), registry().get("model", model).loss
    for option in ("--dataset", "--config", "--runs", "--out", "-q, --quiet", "--json", "-h, --help"):
        assert result.out.count(f"\n  {option} ") == 1
    assert ("--beta" in flat) == (loss in ("elbo", "tc", "views"))
    assert (f"--beta FLOAT Weight of the KL term. (default: {beta})" in flat) == (loss in ("elbo", "views"))


def test_kinds_of_values_are_in_plain_words() -> None:
    text = genzoo("run vae digits --help").out
    for shown in (
        "--hidden INT,…  ",
        "--decoder-hidden INT,… or none\n",
        "--capacity FLOAT or none\n",
        "(default: none)",
    ):
        assert shown in text
    assert genzoo("run pinwheel").code == 2


@pytest.mark.parametrize(
    ("words", "hidden", "decoder", "capacity"),
    [
        ("--hidden 64,32", (64, 32), None, None),
        ("--hidden 4-6,9 --decoder-hidden=3..4", (4, 5, 6, 9), (3, 4), None),
        ("--decoder-hidden none --capacity none --hidden=", (), None, None),
        ("--hidden 8 4 --capacity 2.5", (8, 4), None, 2.5),
    ],
)
def test_lists_ranges_and_none(words: str, hidden: object, decoder: object, capacity: object) -> None:
    components = Components.find(registry(), "vae", "digits")
    config = parse(components, [], words.split(), "")
    assert (config.model_config.hidden, config.model_config.decoder_hidden) == (hidden, decoder)
    assert config.loss_config.capacity == capacity


def test_help_of_a_broken_choice_is_refused() -> None:
    assert refused(genzoo("run vea --help")) == "no model named 'vea'. Did you mean 'vae'?"
    assert refused(genzoo("run vae --dataset digits --loss elbow --help")).startswith("no loss named 'elbow'.")
    assert genzoo("run ae --loss reconstruction --help").code == 0
