"""`genzoo data list | path | verify | add | clear`: the raw files of datasets, and what is kept of them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.data.raw_files import FileSet, known_file_sets
from genzoo.data.store import Store
from genzoo.registry.current import registry
from genzoo.system import tensor_cache


def add_verb(subparsers: Any) -> None:
    """Adds `data` to a command line. Its verbs set `handler`: a function of the namespace that returns an exit code."""
    summary = "the files of datasets: where they are, whether they are whole"
    data = subparsers.add_parser("data", help=summary, description=summary, allow_abbrev=False)
    verbs = data.add_subparsers(dest="data_verb", metavar="VERB", required=True)
    root = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    root.add_argument("--data-root", type=Path, metavar="FOLDER", help="look here first, and put new files here")

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(
            name, help=summary, description=summary, parents=[root], allow_abbrev=False
        )
        return parser

    listing = verb("list", "every dataset, and whether its files are here")
    listing.set_defaults(handler=list_datasets)
    path = verb("path", "print the folder of a dataset's files, or the data root")
    path.add_argument("name", nargs="?", metavar="NAME", help="a dataset")
    path.set_defaults(handler=print_path)
    verify = verb("verify", "check every file's SHA-256; exit status 1 if one is bad")
    verify.add_argument("name", nargs="?", metavar="NAME", help="a dataset; all that are here if left out")
    verify.set_defaults(handler=verify_files)
    add = verb("add", "copy files, gzip or not and under any name, to where they belong")
    add.add_argument("name", metavar="NAME", help="a dataset")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE", help="told apart by what they hold")
    add.set_defaults(handler=add_files)
    summary = "remove what is cached: decoded pictures, principal axes; the files of datasets stay"
    verbs.add_parser("clear", help=summary, description=summary, allow_abbrev=False).set_defaults(handler=clear_cache)


def list_datasets(arguments: argparse.Namespace) -> int:
    """Prints each dataset with the state of its files."""
    store = Store(arguments.data_root)
    rows = [(entry.name, *_state(store, files)) for entry, files in known_file_sets()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for name, state, where in rows:
        print(f"{name:<{widths[0]}}  {state:<{widths[1]}}  {where}".rstrip())
    return 0


def print_path(arguments: argparse.Namespace) -> int:
    """Prints where the files of a dataset lie, or would be put."""
    store = Store(arguments.data_root)
    if arguments.name is None:
        print(store.writable_root)
        return 0
    folder = _files(arguments.name).folder
    here = [root / folder for root in store.roots if os.path.isdir(root / folder)]
    print(here[0] if here else store.writable_root / folder)
    return 0


def verify_files(arguments: argparse.Namespace) -> int:
    """Prints a line for each file that is here, or should be."""
    store = Store(arguments.data_root)
    wanted = [_files(arguments.name)] if arguments.name else [files for _, files in known_file_sets() if files]
    status = 0
    for file_set in {files.name: files for files in wanted}.values():
        report = store.inspect(file_set)
        for path, problem in report:
            print(f"bad  {problem}" if problem else f"ok   {path}")
            status |= bool(problem)
        if not report and arguments.name:
            raise GenzooError(
                f"{file_set.title} is not here: none of {', '.join(map(str, store.roots))} has it",
                f"genzoo data add {file_set.name} FILES…, or let a run fetch it",
            )
    return status


def add_files(arguments: argparse.Namespace) -> int:
    """Copies files into the data root once all are verified."""
    store, file_set = Store(arguments.data_root), _files(arguments.name)
    for path, copy in store.add(file_set, arguments.files):
        print(f"{path} → {copy}")
    missing = [path.name for path, problem in store.inspect(file_set) if problem]
    if missing and not store.find(file_set):
        print(f"genzoo: {file_set.title} still lacks {', '.join(missing)}", file=sys.stderr)
    return 0


def clear_cache(arguments: argparse.Namespace) -> int:
    """Empties the cache and prints what went."""
    count, size = tensor_cache.clear()
    print(f"{count:,} files removed, {size / 1e6:,.0f} MB: {tensor_cache.folder()}")
    return 0


def _files(name: str) -> FileSet:
    dataset = registry().get("dataset", name)
    known = {entry.full_name: files for entry, files in known_file_sets()}
    if dataset.full_name not in known:
        dataset.load()  # says why it cannot be imported
    files = known.get(dataset.full_name)
    if files is None:
        raise UsageError(f"{name} needs no files: it comes with its plugin or is generated")
    return files


def _state(store: Store, files: FileSet | None) -> tuple[str, str]:
    if files is None:
        return "✓ ready", "needs no files"
    try:
        found = store.find(files)
    except GenzooError as error:
        return "✗ damaged", error.message
    return ("✓ ready", str(found.folder)) if found else ("not downloaded", "")
