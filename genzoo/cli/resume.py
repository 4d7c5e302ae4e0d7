"""genzoo resume: continue a run that was interrupted, killed or finished."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.cli.made_file import add_open
from genzoo.cli.saved_run import RUN_HELP, RUNS_HELP
from genzoo.cli.words import add_data_root

DESCRIPTION = """\
Continue a run from its last checkpoint. On the same CPU, threads and versions the weights are the same, bit for bit,
as without the interruption. If only the evaluation or the figures are missing, only these are made.

Options that may change, as for `genzoo run`: --epochs (continues a finished run), --max-steps, --max-time (of all
sessions together), --lr, --grad-clip, --patience, --on-nan, --max-skips, --save-every, --listeners, --device, --mode,
--stream. If the data were moved: --data.path PATH (any option of the run's dataset that is a path), or --data-root
FOLDER. A cosine schedule continues with the new number of epochs."""


def add_verb(verbs: Any) -> None:
    """Add `resume`. The options that may change are parsed in a second pass, when the run is known."""
    parser = verbs.add_parser(
        "resume", help="continue a run", description=DESCRIPTION, usage="genzoo resume RUN [--epochs N] [options]"
    )
    parser.add_argument("run", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    add_data_root(parser)
    add_open(parser, "the report")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Find the run, merge its options with the given ones, continue, print."""
    from genzoo.comparison.references import find

    run = find(options.run, options.runs)
    before = run.config
    from genzoo.cli import options as command_line
    from genzoo.cli.run import from_file, print_outcome
    from genzoo.experiment.or_resume import warn_of_others
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
        warn_of_others(run, resumption.changed)
        resumption.run_on()
        code = print_outcome(run, resumption.experiment, options) if processes.first else 0
        return int(processes.broadcast_object(str(code)))
