"""genzoo resume: a run that was interrupted, killed or finished goes on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.cli.saved_run import RUN_HELP

DESCRIPTION = """\
Goes on with a run from its last checkpoint, as if it had never stopped: the same weights, bit for bit, on the same
CPU, threads and versions. Of a run that is trained but not evaluated or drawn it does only that.

Options that may change, as for `genzoo run`: --epochs (on with a finished run), --lr, --grad-clip, --patience,
--on-nan, --max-skips, --save-every, --device, --mode. Data that were moved: --data.path PATH (any option of the run's
dataset that is a path), or --data-root FOLDER. A cosine schedule goes on along the cosine of the new length."""


def add_verb(verbs: Any) -> None:
    """Adds `resume`. The options that may change are parsed in a second pass, when the run is known."""
    parser = verbs.add_parser(
        "resume", help="go on with a run", description=DESCRIPTION, usage="genzoo resume RUN [--epochs N] [options]"
    )
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders lie")
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="where raw data files lie")
    parser.add_argument("--json", action="store_true", help="print the results as JSON, and nothing else")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Finds the run, takes its options and those that are typed, goes on, prints."""
    from genzoo.comparison.references import find

    run = find(options.run, options.runs)
    before = run.config
    from genzoo.cli import options as command_line
    from genzoo.cli.run import from_file, tell
    from genzoo.experiment.resume import Resumption
    from genzoo.registry.current import registry
    from genzoo.registry.plugin_faults import exit_code_of
    from genzoo.runs.config import Components
    from genzoo.system.distributed import joined

    components = Components.find(registry(), before.model, before.dataset, before.loss)
    file = run.path / "config.json"
    _, words = from_file(file)
    config = command_line.parse(components, words, options.rest, str(file))
    quiet = options.quiet or options.json
    with joined(exit_code_of) as processes:
        resumption = Resumption(run, config, options.data_root, quiet, processes)
        more = resumption.run_on()
        code = tell(run, resumption.experiment, options) if processes.first and (more or options.json) else 0
        return int(processes.broadcast_object(str(code)))
