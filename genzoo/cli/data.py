"""`genzoo data list | path | verify | add | clear`: the raw files of datasets, and the cache."""

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
from genzoo.system.json_output import json_result


def add_verb(subparsers: Any) -> None:
    """Add `data` with its own verbs."""
    summary = "show, verify and add the files of datasets"
    data = subparsers.add_parser("data", help=summary, description=summary, allow_abbrev=False)
    verbs = data.add_subparsers(dest="data_verb", metavar="VERB", required=True)
    root = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    root.add_argument("--data-root", type=Path, metavar="FOLDER", help="search here first, and put new files here")

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(
            name, help=summary, description=summary, parents=[root], allow_abbrev=False
        )
        return parser

    listing = verb("list", "list all datasets and the state of their files")
    listing.set_defaults(handler=list_datasets)
    path = verb("path", "print the folder of a dataset's files, or the data root")
    path.add_argument("name", nargs="?", metavar="NAME", help="a dataset")
    path.set_defaults(handler=print_path)
    verify = verb("verify", "check the SHA-256 of every file; exit status 1 if one is wrong")
    verify.add_argument("name", nargs="?", metavar="NAME", help="a dataset (default: all that have files)")
    verify.set_defaults(handler=verify_files)
    add = verb("add", "copy files, compressed or not and with any name, into the data folder")
    add.add_argument("name", metavar="NAME", help="a dataset")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE", help="identified by their contents")
    add.set_defaults(handler=add_files)
    summary = "remove the cache (decoded pictures, principal axes); keep the files of datasets"
    verbs.add_parser("clear", help=summary, description=summary, allow_abbrev=False).set_defaults(handler=clear_cache)


def list_datasets(arguments: argparse.Namespace) -> int:
    """Print each dataset with the state of its files."""
    store = Store(arguments.data_root)
    rows = [(entry.name, *_state(store, files)) for entry, files in known_file_sets()]
    json_result(datasets=[{"name": name, "state": state.lstrip("✓✗ "), "where": where} for name, state, where in rows])
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for name, state, where in rows:
        print(f"{name:<{widths[0]}}  {state:<{widths[1]}}  {where}".rstrip())
    return 0


def print_path(arguments: argparse.Namespace) -> int:
    """Print the folder of a dataset's files, or where they would be put."""
    store = Store(arguments.data_root)
    folder = _files(arguments.name).folder if arguments.name else ""
    here = [root / folder for root in store.roots if folder and os.path.isdir(root / folder)]
    path = here[0] if here else store.writable_root / folder
    json_result(path=path)
    print(path)
    return 0


def verify_files(arguments: argparse.Namespace) -> int:
    """Print a line for each file that is here or should be."""
    store = Store(arguments.data_root)
    wanted = [_files(arguments.name)] if arguments.name else [files for _, files in known_file_sets() if files]
    status, files = 0, []
    for file_set in {files.name: files for files in wanted}.values():
        report = store.inspect(file_set)
        for path, problem in report:
            print(f"bad  {problem}" if problem else f"ok   {path}")
            files.append({"path": path, "problem": problem})
            status |= bool(problem)
        if not report and arguments.name:
            raise GenzooError(
                f"{file_set.title} is not here: it is not in {' or '.join(map(str, store.roots))}",
                f"genzoo data add {file_set.name} FILES…, or let a run download it",
            )
    json_result(files=files)
    return status


def add_files(arguments: argparse.Namespace) -> int:
    """Copy files into the data root once all are verified."""
    store, file_set = Store(arguments.data_root), _files(arguments.name)
    added = list(store.add(file_set, arguments.files))
    json_result(added=[{"from": path, "to": copy} for path, copy in added])
    for path, copy in added:
        print(f"{path} → {copy}")
    missing = [path.name for path, problem in store.inspect(file_set) if problem]
    if missing and not store.find(file_set):
        print(f"genzoo: {file_set.title} still lacks {', '.join(missing)}", file=sys.stderr)
    return 0


def clear_cache(arguments: argparse.Namespace) -> int:
    """Empty the cache and print what was removed."""
    count, size = tensor_cache.clear()
    json_result(files=count, bytes=size, folder=tensor_cache.folder())
    print(f"{count:,} files removed, {size / 1e6:,.0f} MB: {tensor_cache.folder()}")
    return 0


def _files(name: str) -> FileSet:
    dataset = registry().get("dataset", name)
    known = {entry.full_name: files for entry, files in known_file_sets()}
    if dataset.full_name not in known:
        dataset.load()  # raises if it cannot be imported
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
