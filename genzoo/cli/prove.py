"""genzoo prove: run the theory of registered names, and say what it shows."""

from __future__ import annotations

import fnmatch
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import UsageError, did_you_mean, printable
from genzoo.core.text import names_in
from genzoo.registry.answer_cache import recalled, remember
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, Entry, Kind
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.core.theory import Case
    from genzoo.testing.theory import Proof

EPILOG = """\
  genzoo prove                        all theory of all that is registered
  genzoo prove realnvp 'vae*'         of these names
  genzoo -p my_model.py prove mine    of a file
  genzoo prove maf --on pinwheel      and whether maf, trained on these data for
                                      some seconds, is above their true density

A registration names its theory, theory="package.module:function", which yields
genzoo.Case(what, found, truth, tolerance): numbers known in closed form, by
enumeration or by integration. For each name:
  proved     every case holds, and at least one is an equality
  bounded    every case holds, and all are inequalities (≥)
  refuted    a case does not hold
  broken     the theory cannot be run
  unproved   no theory is registered
"""
WIDTH = 80
VERDICTS_HERE = "verdicts"
"""The question under which verdicts are remembered."""


def add_verb(verbs: Any) -> None:
    """Add `prove`."""
    parser = verbs.add_parser("prove", help="hold registered names against their theory", epilog=EPILOG)
    parser.add_argument("names", nargs="*", metavar="NAME", help="names or patterns such as '*vae*' (default: all)")
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", help="only one kind, see genzoo list --help")
    parser.add_argument(
        "--on", type=names_in, default=(), metavar="DATA,…",
        help="also train the models on these data, whose density is known; '*': on all such data",
    )  # fmt: skip
    parser.set_defaults(handler=lambda options: show(named(options.names, options.kind), known(options.on)))


def named(names: Sequence[str], kind: Kind | None = None) -> list[Entry]:
    """Return the entries of these names or patterns, all without names, in the order of kinds and names.

    Raises:
        UsageError: Nothing has one of the names.
    """
    kinds = [kind] if kind else list(KINDS)
    found = []
    for name in names or ["*"]:
        own = registry().called(name, kinds) or [e for one in kinds for e in registry().matching(one, name)]
        if not own:
            close = did_you_mean(name, [known for one in kinds for known in registry().names(one)])
            raise UsageError(f"nothing is named {name!r}.{close}", "type: genzoo list")
        found += own
    return list({(entry.kind, entry.full_name): entry for entry in found}.values())


def known(names: Sequence[str]) -> list[Entry]:
    """Return the datasets of known density with these names or patterns.

    Raises:
        UsageError: There is none with one of the names.
    """
    from genzoo.testing.known_density import known_datasets

    every = {entry.name: entry for entry in known_datasets()} if names else {}
    for name in names:
        if not fnmatch.filter(every, name):
            raise UsageError(f"no data of known density are named {name!r}", f"choose from: {', '.join(every)}")
    return [entry for own, entry in every.items() if any(fnmatch.fnmatchcase(own, name) for name in names)]


def show(entries: Iterable[Entry], on: Sequence[Entry] = ()) -> int:
    """Run and print the theory of entries; return 1 if a case does not hold or a theory cannot be run.

    Args:
        entries: What is registered.
        on: Datasets of known density to train models on.
    """
    from genzoo.testing.theory import prove

    proofs, counts, without = [], Counter[str](), []
    verdicts = verdicts_here()
    for entry in entries:
        if not entry.theory and not (on and entry.kind == "model"):
            without.append(entry)
            continue
        proof = prove(entry, on)
        counts[proof.verdict] += 1
        verdicts[f"{entry.kind} {entry.full_name}"] = proof.verdict
        proofs.append(record(proof))
        print("\n".join(lines(proof)), flush=True)
    remember(VERDICTS_HERE, verdicts)
    json_result(proofs=[*proofs, *(record(prove(entry)) for entry in without)])
    print(", ".join(f"{number} {verdict}" for verdict, number in counts.items()) or "nothing to prove")
    for kind in KINDS:
        if names := [entry.name for entry in without if entry.kind == kind]:
            text = f"{kind}, unproved: {', '.join(names)}"
            print(textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False))
    return 1 if counts["refuted"] or counts["broken"] else 0


def verdicts_here() -> dict[str, str]:
    """Return what `genzoo prove` found last with the code that is installed now, by "kind distribution/name"."""
    return recalled(VERDICTS_HERE) or {}


def record(proof: Proof) -> dict[str, Any]:
    """Return a proof as a JSON value."""
    entry = proof.entry
    cases = [{**case._asdict(), "holds": case.holds} for case in proof.cases]
    about = {"kind": entry.kind, "name": entry.name, "theory": entry.theory_name, "verdict": proof.verdict}
    return {**about, "fault": proof.fault, "seconds": round(proof.seconds, 3), "cases": cases}


def lines(proof: Proof) -> list[str]:
    """Return a proof as lines: the verdict, and each case."""
    entry, number = proof.entry, len(proof.cases)
    plural = "" if number == 1 else "s"
    first = f"{entry.kind} {entry.name}: {proof.verdict}, {number} case{plural}, {proof.seconds:.1f} s"
    fault = [f"  {printable(proof.fault)}"] if proof.fault else []
    return [first, *fault, *map(line, proof.cases)]


def line(case: Case) -> str:
    """Return a case as a line: whether it holds, the number found, the truth and what is compared."""
    relation = "≥" if case.one_sided else "="
    numbers = f"{case.found:>12.7g} {relation} {case.truth:<12.7g} ± {case.tolerance:<7.1g}"
    return f"  {'ok  ' if case.holds else 'FAIL'} {numbers}  {printable(case.what)}"
