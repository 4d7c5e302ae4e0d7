"""No file can run code: calls that unpickle, evaluate or import by name do not exist, or are listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "ruamel",
    "pickletools", "code", "codeop", "runpy", "subprocess", "multiprocessing", "ctypes", "cffi", "pty",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
ATTRIBUTES = {
    "torch.load", "torch.save", "torch.hub", "torch.jit.load", "torch.package", "torch.export.load", "torch.utils.data",
    "numpy.fromregex", "np.fromregex", "numpy.memmap.load", "os.system", "os.popen", "os.execv", "os.spawnv",
    "importlib.import_module", "importlib.util.spec_from_file_location", "types.FunctionType", "types.CodeType",
}  # fmt: skip
ALLOWED = {
    "genzoo/__init__.py: importlib.import_module": "genzoo's own modules, by the names in that file",
    "genzoo/cli/completion.py: subprocess": "Python, collecting names of options in the background",
    "genzoo/cli/completion.py: shellcode with a shell": "the name of a shell, and no command",
    "genzoo/cli/completion.py: json_result with a shell": "the same name",
    "genzoo/cli/doctor_checks.py: subprocess": "nvidia-smi and the compiler's --version",
    "genzoo/cli/words.py: importlib.import_module": "genzoo's own verbs, by their names",
    "genzoo/core/late.py: importlib.import_module": "genzoo's own modules, by names in its code",
    "genzoo/experiment/jobs.py: subprocess": "genzoo itself, with the words that were typed",
    "plugins/genzoo_plugins/launchers/slurm.py: subprocess": "genzoo itself, with the words that were typed",
    "plugins/genzoo_plugins/trackers/trackio.py: importlib.import_module": "trackio's own modules",
    "genzoo/registry/entries.py: importlib.import_module": "the class that an installed plugin registered",
    "genzoo/registry/discovery.py: importlib.util.spec_from_file_location": "the Python file that a user gave with -p",
    "genzoo/data/sources.py: subprocess": "npm, apt-get and dpkg-deb, with words that no file determines",
    "genzoo/system/memory.py: ctypes": "libc's mallopt and malloc_trim, with constants",
    "genzoo/runs/environment.py: subprocess": "git, for the commit of genzoo's own checkout",
    "plugins/genzoo_plugins/images/cifar.py: pickle": "verified files, by an unpickler that knows arrays alone",
    "genzoo/testing/registration_checks.py: subprocess": "Python, importing the module of a plugin that is checked",
}


def dotted(node: ast.expr) -> str:
    """Return "a.b.c" for an attribute, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (above := dotted(node.value)):
        return f"{above}.{node.attr}"
    return ""


def found_in(tree: ast.AST) -> Iterator[str]:
    """Yield the names above that a module uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.partition(".")[0] in MODULES:
                yield node.module
            yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in ATTRIBUTES)
        elif isinstance(node, ast.Attribute) and (name := dotted(node)) in ATTRIBUTES:
            yield name
        elif isinstance(node, ast.Call):
            yield from called(node)


def called(node: ast.Call) -> Iterator[str]:
    """Yield the calls above that are unsafe."""
    name = dotted(node.func)
    if name in CALLS:
        yield name
    given = {word.arg: word.value for word in node.keywords}
    if name in ("np.load", "numpy.load", "np.lib.format.read_array", "np.save", "np.savez", "np.savez_compressed"):
        pickles = given.get("allow_pickle")
        if not (isinstance(pickles, ast.Constant) and pickles.value is False):
            yield f"{name} without allow_pickle=False"
    if "shell" in given:
        yield f"{name} with a shell"


def findings() -> set[str]:
    files = [*ROOT.glob("genzoo/**/*.py"), *ROOT.glob("plugins/**/*.py")]
    assert len(files) > 100
    return {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for path in files
        for name in found_in(ast.parse(path.read_text(encoding="utf-8")))
    }


def test_no_code_unpickles_or_evaluates() -> None:
    assert findings() == set(ALLOWED)


def test_unsafe_calls_are_found() -> None:
    source = """
import pickle, yaml
from subprocess import run
from torch import load as benign, hub
from torch import load
import torch, numpy as np, os, importlib
torch.load("x"); np.load("x"); np.load("x", allow_pickle=True); eval("1"); os.system("x")
importlib.import_module("x"); run("x", shell=True); __import__("os")
"""
    assert set(found_in(ast.parse(source))) == {
        "pickle", "yaml", "subprocess", "torch.load", "torch.hub", "np.load without allow_pickle=False", "eval",
        "os.system", "importlib.import_module", "run with a shell", "__import__",
    }  # fmt: skip
