"""Invalid configuration files: the message has file, line and fault, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import genzoo, refused

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


TOML: list[tuple[str, str]] = [
    ("model='vae'\ndata='digits'\n\nbetta = 3.0\n", "run.toml:4: no option --betta. Did you mean --beta?"),
    (
        "[model]\nname='vae'\nlatent_dimm = 5\n[data]\nname='digits'\n",
        "run.toml:3: no option --model.latent-dimm. Did you mean --model.latent-dim?",
    ),
    ("model='vae'\n[data]\nname='digits'\nnoise=1\n", "run.toml:4: --data.noise belongs to dataset moons"),
    ("model='vae'\ndata='digits'\nepochs='x'\n", "run.toml:3: --epochs must be a whole number or auto, not 'x'"),
    ("model='vae'\ndata='digits'\nepochs=0\n", "run.toml:3: --epochs must be at least 1, not 0"),
    ("model='vae'\n[data]\nname='digits'\nresize=-1\n", "run.toml:4: --data.resize must be at least 0"),
    ("model='vae'\ndata='digits'\nruns='here'\n", "run.toml:3: --runs is for the command line only"),
    ("model='vae'\ndata='digits'\nepochs=[]\n", "run.toml:3: Missing value for argument '--epochs'."),
    ("model='vae'\ndata='minst'\n", "no dataset named 'minst'. Did you mean 'mnist'"),
    ("data='digits'\n", "which model? genzoo run MODEL --dataset NAME"),
    ("model='vae'\n", "which dataset? genzoo run vae --dataset NAME"),
    ("epochs = = 3\n", "--config run.toml: Invalid value (at line 1, column 10)"),
    ("a = 1\na = 2\n", "--config run.toml: Cannot overwrite a value (at line 2, column 6)"),
    ("[modle]\nname='vae'\n", "run.toml: no table [modle]. Did you mean 'model'?"),
    ("model = true\n", "--config run.toml: argument --model: expected one argument"),
    ("model='vae'\ndata='digits'\nday = 2026-01-01\n", "run.toml: day cannot be a date"),
    ("model='vae'\n[training]\nepochs={a=1}\n", "run.toml: train.epochs cannot be a dict"),
]


@pytest.mark.parametrize(("text", "message"), TOML)
def test_a_wrong_toml_file(text: str, message: str) -> None:
    Path("run.toml").write_text(text)
    assert refused(genzoo("run --config run.toml")).startswith(message)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.toml", None, "--config no.toml: No such file or directory"),
        ("list.json", b"[1]", "--config list.json: a table of options is needed"),
        ("cut.json", b'{"model": {"name": "v', "--config cut.json: Unterminated string"),
        ("deep.json", b"[" * 100_000, "--config deep.json: "),
        ("bytes.toml", b"\xff\xfe\x00", "--config bytes.toml: 'utf-8' codec can't decode"),
    ],
)
def test_a_file_that_is_no_configuration(name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert refused(genzoo(f"run --config {name}")).startswith(message)


def test_a_folder_is_no_configuration() -> None:
    assert refused(genzoo("run --config .")) == "--config .: Is a directory"


def test_a_value_from_the_command_line_is_not_blamed_on_the_file() -> None:
    Path("run.toml").write_text("model='vae'\ndata='digits'\nepochs=3\n")
    assert refused(genzoo("run --config run.toml --epochs 0")) == "--epochs must be at least 1, not 0"
