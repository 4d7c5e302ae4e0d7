"""report.html: everything of a run on one page that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import shutil
from pathlib import Path

import drawing
import pytest
from html_reader import Reader

import genzoo
from genzoo.cli.options import parse
from genzoo.core.text import number
from genzoo.registry.current import register_part, registry
from genzoo.reporting import report
from genzoo.reporting.format import half_width
from genzoo.reporting.report import collapse, device_text, page, write_report
from genzoo.runs.config import Components
from genzoo.runs.run import Run, read_json
from genzoo.runs.typed_options import repeated


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run") / "one"
    with drawing.drawn():
        return genzoo.run("beta-vae", dataset="digits", beta=3.0, hidden=[8, 9], epochs=2, out=folder, quiet=True)


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Run:
    return Run(Path(shutil.copytree(run.path, tmp_path / "copy")))


def test_it_holds_every_figure_and_loads_nothing(run: Run) -> None:
    text = (run.path / "report.html").read_text()
    read = Reader(text)
    pictures = [load for load in read.loads if load.startswith("data:image/png;base64,")]
    assert {base64.b64decode(load.partition(",")[2]) for load in pictures} == {
        path.read_bytes() for path in (run.path / "figures").glob("*.png")
    }
    assert len(pictures) == 7
    assert all(load.startswith("data:") for load in read.loads)
    assert "script" not in read.tags
    assert not re.search(r"@import|url\(", text)


def test_it_holds_every_metric_of_the_evaluation(run: Run) -> None:
    text = Reader(page(run)).text
    for split in ("train", "validation", "test"):
        for name in ("negative_elbo", "reconstruction", "kl", "mse", "active_units"):
            assert number(run.results[split][name]) in text
        for error in run.results[split]["standard_error"].values():
            assert f"± {half_width(error)}" in text
    assert "−ELBO (nats)" in text
    assert "PCA with 20 components" in text
    assert "bernoulli" in text


def test_its_command_gives_the_same_configuration(run: Run) -> None:
    config = read_json(run.path / "config.json")
    line = shlex.join(repeated(config))
    assert line in Reader(page(run)).text
    words = shlex.split(line)
    assert words[:7] == ["genzoo", "run", "beta-vae", "--dataset", "digits", "--loss", "elbo"]
    components = Components.find(registry(), "beta-vae", "digits", "elbo")
    assert parse(components, [], words[7:], "") == run.config
    assert len(words[7:]) < 2 * len(run.config.changed()) + 4, "options at their defaults are left out"
    config["model"]["name"] = "not-installed"
    assert len(repeated(config)) > 60, "without the defaults all are there"


def test_it_says_where_everything_came_from(copy: Run) -> None:
    record = copy.record
    record["data"] = {"mnist": {"source": "/data/raw", "sha256": {"a-file": "ba89" * 16}}}
    record["source"] = {"commit": "c0ffee", "dirty": True}
    copy.write("run.json", record)
    text = Reader(page(copy)).text
    for part in ("/data/raw", "a-file", "ba89" * 16, "c0ffee with changes", *record["packages"].values()):
        assert part in text


def test_the_threads_of_a_cpu_are_told_once() -> None:
    assert device_text("cpu, 1 thread", 1) == "cpu, 1 thread"
    assert [device_text("cuda:0, H200", n) for n in (1, 8)] == ["cuda:0, H200; 1 thread", "cuda:0, H200; 8 threads"]


def test_hostile_texts_stay_texts(copy: Run) -> None:
    evil = "</pre></title><script>alert('x')</script><img src=http://evil.example/x onerror=\"alert(1)\">&amp;"
    config, record, results = (read_json(copy.path / f"{name}.json") for name in ("config", "run", "results"))
    for section in config.values():
        section["evil" + evil] = evil
        if "name" in section:
            section["name"] = evil
    record |= {
        "status": evil,
        "device": evil,
        "platform": evil,
        "command": [evil],
        "data": {evil: {"source": evil, "sha256": {evil: evil}}},
    }
    results["test"][evil] = None
    results["test"]["not_available"][evil] = evil
    for name, values in (("config", config), ("run", record), ("results", results)):
        (copy.path / f"{name}.json").write_text(json.dumps(values))
    hostile = Run(copy.path.rename(copy.path.with_name("<script>alert(2)<")))
    read = Reader(page(hostile))
    assert "script" not in read.tags
    assert all(load.startswith("data:") for load in read.loads)
    assert read.text.count(evil) > 10


def test_a_missing_metric_has_its_reason(copy: Run) -> None:
    results = copy.results
    results["test"]["kl"] = None
    results["test"]["not_available"] = {"kl": "no prior p(z)"}
    copy.write("results.json", results)
    assert "n/a (no prior p(z))" in Reader(page(copy)).text
    for split in ("train", "validation"):
        results[split]["kl"] = None
        results[split]["not_available"] = {"kl": "no prior p(z)"}
    copy.write("results.json", results)
    text = page(copy)
    assert "<li>not available: KL (no prior p(z))</li>" in text
    assert "<th>KL (nats)</th>" not in text
    assert "n/a (no prior p(z))" not in text


@pytest.mark.parametrize(
    ("active", "begins"),
    [(0.0, "Collapse: no latent of 20"), (3.0, "3 of 20 latents are active"), (10.0, ""), (None, "")],
)
def test_few_active_units_are_a_warning_with_advice(active: float | None, begins: str, copy: Run) -> None:
    results = copy.results
    results["test"]["active_units"] = active
    copy.write("results.json", results)
    warnings = collapse(read_json(copy.path / "config.json"), results)
    assert len(warnings) == bool(begins)
    for warning in warnings:
        assert warning.startswith(begins)
        assert "--kl-warmup" in warning
        assert "lower --beta, now 3" in warning
        assert warning in Reader(page(copy)).text


def test_a_report_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(run: Run) -> str:
        raise RuntimeError("no ink")

    monkeypatch.setattr(report, "page", fail)
    run = genzoo.run("vae", dataset="moons", epochs=1, out=tmp_path / "run", quiet=True)
    assert capsys.readouterr().err == "genzoo: report.html could not be written: RuntimeError: no ink\n"
    assert run.record["status"] == "finished"
    assert run.results["test"]["n"] == 1000
    with pytest.raises(RuntimeError, match="no ink"):
        write_report(run)


def test_a_page_of_outdated_metrics_says_so(run: Run, tmp_path: Path) -> None:
    """The run was asked for more epochs and interrupted: its metrics are those of the epochs before."""
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.path, copy.path)
    assert "outdated" not in page(copy)
    config = copy.plain_config
    config["training"]["epochs"] = 50
    copy.write("config.json", config)
    assert "of epoch 2, but 50 epochs were requested" in Reader(page(copy)).text


def test_a_picture_that_nobody_registered_is_shown_too(copy: Run) -> None:
    """Those of a listener, or of a plugin that is not installed here; after the registered ones, and without a text."""
    (copy.path / "figures" / "zebra & <co>.png").write_bytes((copy.path / "figures/curves.png").read_bytes())
    (copy.path / "figures" / "notes.pdf").write_bytes(b"no picture")
    register_part("figure", "own", genzoo.Figure, summary="what a plugin draws")
    (copy.path / "figures" / "own.txt").write_text("drawn by a plugin")
    shown = re.findall(r"<figcaption>(.*?)</figcaption>", page(copy))
    assert shown[0] == "<b>samples</b>. New examples drawn from the model."
    assert shown[-2:] == ["<b>own</b>. What a plugin draws.", "<b>zebra &amp; &lt;co&gt;</b>"]
    assert "<pre>drawn by a plugin</pre>" in page(copy)
    assert not [caption for caption in shown if "notes" in caption]


def test_texts_sound_and_tables_are_shown_as_such(copy: Run) -> None:
    """A text and a table stay what they are, whatever is in them; sound is played from the page itself."""
    evil = "<script>alert('x')</script>"
    folder = copy.path / "figures"
    (folder / "samples.png").unlink()
    (folder / "samples.txt").write_text(f"first line\n{evil}\n")
    (folder / "reconstructions.wav").write_bytes(b"RIFF1234WAVE")
    (folder / "latent.csv").write_text(f"a,{evil}\n" + "".join(f"{n},{n + 1}\n" for n in range(100)))
    text = page(copy)
    read = Reader(text)
    assert f"<pre>first line\n{html.escape(evil, quote=False)}".replace("'", "&#39;") in text
    assert "script" not in read.tags
    assert read.tags.count("audio") == 1
    sound = next(load for load in read.loads if load.startswith("data:audio/wav;base64,"))
    assert base64.b64decode(sound.partition(",")[2]) == b"RIFF1234WAVE"
    assert all(load.startswith("data:") for load in read.loads)
    assert f"<th>{html.escape(evil, quote=False)}".replace("'", "&#39;") in text
    assert "<td>19</td><td>20</td>" in text
    assert "<td>20</td><td>21</td>" not in text  # the first 20 rows
