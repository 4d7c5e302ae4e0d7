"""Messages spell options as they are typed; to a program they are shown as Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import genzoo
from genzoo.core.spelling import as_typed, spelled
from genzoo.system.messages import warn


@pytest.fixture(autouse=True)
def in_python() -> Iterator[None]:
    """No command runs."""
    with as_typed(False):
        yield


SPELLED = {
    "--epochs must be at least 1, not 0": "epochs= must be at least 1, not 0",
    "no option --bet. Did you mean --beta?": "no option bet=. Did you mean beta=?",
    "leave --stream out": "leave stream= out",
    "as --patience needs": "as patience= needs",
    "--patience needs validation data to judge by": "patience= needs validation data to judge by",
    "type: --latent-dim 2": "type: latent_dim=2",
    "--lr 1e-4 or --grad-clip 1": "lr=1e-4 or grad_clip=1",
    "--beta -1.5: too small": "beta=-1.5: too small",
    "use --device auto": 'use device="auto"',
    "--device cuda, but torch sees none": 'device="cuda", but torch sees none',
    "--mode=graph captures steps": 'mode="graph" captures steps',
    "--posterior vmf and --prior gaussian: one": 'posterior="vmf" and prior="gaussian": one',
    "--out 'a b': it exists": 'out="a b": it exists',
    "name a folder: --runs FOLDER": "name a folder: runs=FOLDER",
    "raise it gradually (--kl-warmup STEPS)": "raise it gradually (kl_warmup=STEPS)",
    "write --hidden 64,32": "write hidden=(64, 32)",
    "type: --metrics mse,iwae:50": 'type: metrics=["mse", "iwae:50"]',
    "write: --models 'A,B --lr 1'": 'write: models=["A", "B --lr 1"]',
    "--listeners mlflow: which server?": 'listeners=["mlflow"]: which server?',
    "or add --or-resume; or": "or add or_resume=True; or",
    "--no-learned": "learned=False",
    "--data.validation 1000": 'data={"validation": 1000}',
    "--data.without and --data.only exclude each": 'data={"without": …} and data={"only": …} exclude each',
    "write --train.lr 1e-3 or --model.lr": 'write **{"train.lr": 1e-3} or **{"model.lr": …}',
    "--grid beta=1,2": 'grid={"beta": [1, 2]}',
    "--grid latent-dim=2|4": 'grid={"latent_dim": [2, 4]}',
    "--search lr=1e-4..1e-2:log; or": 'search={"lr": "1e-4..1e-2:log"}; or',
    "train a model: genzoo run MODEL --dataset NAME": "train a model: genzoo.run(MODEL, dataset=NAME)",
    "genzoo run …, or name it: --runs FOLDER": "genzoo.run(…), or name it: runs=FOLDER",
    "genzoo resume runs/a --epochs 40; or": 'genzoo.resume("runs/a", epochs=40); or',
    "genzoo run vae --dataset digits --help": 'genzoo.options("vae", dataset="digits")',
    "type: genzoo list --kind model": "type: genzoo list --kind model (in a shell)",
    "anew: genzoo run --config a/config.json": "anew: genzoo run --config a/config.json (in a shell)",
    "pip install --upgrade genzoo": "pip install --upgrade genzoo",
    "genzoo trains on cpu": "genzoo trains on cpu",
    "which genzoo compare pairs, at a level corrected": "which genzoo compare pairs, at a level corrected",
    "the same genzoo sweep again shows --sort NAME": "the same genzoo sweep again shows sort=NAME",
    "genzoo compare pairs them": "genzoo compare pairs them (in a shell)",
    "--sort NAME (genzoo list --kind metric)": "sort=NAME (genzoo list --kind metric, in a shell)",
    "rm a/results.json && genzoo resume a": "rm a/results.json && genzoo resume a",
    "new ones: --seeds 1-3 or --seeds 0,2": "new ones: seeds=range(1, 4) or seeds=[0, 2]",
    "made: genzoo compare runs --csv > FILE.csv": "made: genzoo compare runs --csv > FILE.csv (in a shell)",
    "genzoo compare sweep/vae-digits": 'genzoo.compare("sweep/vae-digits")',
}


@pytest.mark.parametrize("text", SPELLED)
def test_options_are_spelled_for_who_reads_them(text: str) -> None:
    assert spelled(text) == SPELLED[text]
    assert spelled(SPELLED[text]) == SPELLED[text] or "--" in SPELLED[text]
    with as_typed():
        assert spelled(text) == text


def test_a_program_is_told_its_keywords(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(genzoo.UsageError) as error:
        genzoo.run("vae", "digits", batch_size=0)
    assert str(error.value) == "batch_size= must be at least 1, not 0"
    with pytest.raises(genzoo.UsageError, match=r'data={"validation": …} must be at least 0, not -1'):
        genzoo.run("vae", "digits", data={"validation": -1})
    warn("--ema 0.9 is high", "such as --ema 0.5")
    assert capsys.readouterr().err == "genzoo: ema=0.9 is high (such as ema=0.5)\n"


@pytest.mark.parametrize(
    ("call", "example"),
    [
        (lambda: genzoo.run(), "genzoo.run(MODEL, DATASET)"),  # type: ignore[call-overload]
        (lambda: genzoo.sweep(), "genzoo.sweep(MODEL, DATASET, "),  # type: ignore[call-arg]
        (lambda: genzoo.bench(), "genzoo.bench([MODEL, MODEL], DATASET)"),  # type: ignore[call-arg]
        (lambda: genzoo.resume(), "genzoo.resume(RUN)"),  # type: ignore[call-arg]
        (lambda: genzoo.sample(), "genzoo.sample(RUN, 16)"),  # type: ignore[call-arg]
        (lambda: genzoo.compare(sorted="mse"), "genzoo.compare(FOLDER"),  # type: ignore[call-arg]
    ],
)
def test_a_call_that_does_not_fit_is_told_how_to_write_it(call: object, example: str) -> None:
    assert callable(call)
    with pytest.raises(genzoo.UsageError, match=r"^genzoo\.\w+: (missing a required|got an unexpected).*") as error:
        call()
    assert error.value.hint.startswith(f"write: {example}")


def test_a_program_gives_seeds_and_a_source_of_their_types() -> None:
    for seeds in ([], [-1], ["a"], [0.5]):
        with pytest.raises(genzoo.UsageError, match=r"seeds must be whole numbers from 0, not .*\n.*seeds=range\(5\)"):
            genzoo.bench(["vae"], "digits", seeds=seeds)  # type: ignore[arg-type]
    with pytest.raises(genzoo.UsageError, match="a run or a model is drawn from, not 5"):
        genzoo.sample(5, 3)  # type: ignore[arg-type]


VALUES = {
    *("auto", "bottom", "comma", "conv", "csv", "diagonal", "discretised-logistic", "drop", "dynamic", "ema", "flip"),
    *("gaussian", "global", "graph", "keep", "mean", "mlflow", "nb", "no", "npz", "ot", "point", "slurm", "standard"),
    *("uniform-sphere", "vamp", "vmf", "vq", "wandb", "yes"),
}
"""The plain words that are the value of an option in a message."""


@pytest.mark.long
def test_no_word_of_a_sentence_is_taken_for_the_value_of_an_option() -> None:
    """In every text of the code."""
    root = Path(genzoo.__file__).parent
    found = set()
    for file in (*root.rglob("*.py"), *(root.parent / "plugins").rglob("*.py")):
        if file.parent.name not in ("cli", "testing"):  # what these say is for the command line
            for text in texts(ast.parse(file.read_text(encoding="utf-8"))):
                pairs = re.findall(r'\w+=\[?"([a-z-]+)"|: "([a-z-]+)"}', spelled(text))
                found |= {word for pair in pairs for word in pair if word and f'"{word}"' not in text}
    assert found == VALUES


def test_a_command_that_is_named_in_python_already_stays() -> None:
    for text in ("again: genzoo run --config a/config.json --seed N", "by NAME (genzoo list --kind metric)"):
        assert spelled(spelled(text)) == spelled(text)


PLAIN = {"digits", "mnist", "path", "pixelcnn", "vae"}
"""The plain words within the calls that messages show."""


@pytest.mark.long
def test_no_sentence_is_taken_for_a_command() -> None:
    """In every text of the code: what is shown as a call is one, of arguments that look like values."""
    root, plain = Path(genzoo.__file__).parent, set()
    for file in (*root.rglob("*.py"), *(root.parent / "plugins").rglob("*.py")):
        for text in texts(ast.parse(file.read_text(encoding="utf-8"))):
            for call in re.findall(r"genzoo\.(?:run|resume|compare|options)\([^()\n]*\)", spelled(text)):
                if call not in text:
                    (node,) = ast.parse(call.replace("…", "...")).body
                    strings = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                    plain |= {one for one in strings if isinstance(one, str) and re.fullmatch(r"[\w,;:. ]+", one)}
                    assert "in a shell" not in call
    assert plain == PLAIN


def texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module without its docstrings, with "1" for each value within them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "1" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not isinstance(tree, ast.Expr):
            yield node.value
        else:
            yield from texts(node)
