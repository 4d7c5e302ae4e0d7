"""Create a plugin package: a copy of the tested example with new names and only the requested parts."""

from __future__ import annotations

import ast
import importlib.util
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genzoo.core.errors import GenzooError, UsageError
from genzoo.registry.current import registry
from genzoo.registry.discovery import HOOKS, STATED
from genzoo.registry.entries import NAME, Kind
from genzoo.system.atomic import write_atomically

PACKAGE = "genzoo_example"
HERE = Path(__file__).parent
LOCATIONS = (HERE / "example", HERE.parents[1] / "tests/third_party/genzoo-example")
"""The folder of the example in an installed genzoo and in a checkout."""

README = """# {name}

A plugin for [genzoo](https://pypi.org/project/genzoo): {offers}.

    pip install -e .
{commands}
The functions marked `@hookimpl` in `{package}/__init__.py` say what it adds. The code is a copy of genzoo's example:
change what differs, then the summaries and papers.
"""
TESTS = '''"""Everything that this package registers passes the conformance checks of genzoo."""

from collections.abc import Callable

from genzoo.testing import parametrize_with_checks


@parametrize_with_checks({names})
def test_conformance(check: Callable[[], None]) -> None:
    check()
'''


@dataclass(frozen=True)
class Part:
    """One registration of the example."""

    kind: Kind
    name: str
    module: str
    class_name: str
    source: str
    """Source code of the hook that registers it."""


def example() -> Path:
    """Return the folder of the example package."""
    for place in LOCATIONS:
        if (place / PACKAGE / "__init__.py").is_file():
            return place
    raise GenzooError("the example that new plugins are copied from is missing", "pip install --force-reinstall genzoo")


def parts_of(source: str) -> dict[Kind, Part]:
    """Return the registrations in the source of a plugin module, one for each hook."""
    found: dict[Kind, Part] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name in HOOKS:
            call = next(inner for inner in ast.walk(node) if isinstance(inner, ast.Call))
            name, target = (ast.literal_eval(argument) for argument in call.args)
            module, _, class_name = target.rpartition(".")[2].partition(":")
            lines = source.splitlines()[node.decorator_list[0].lineno - 1 : node.end_lineno]
            found[HOOKS[node.name]] = Part(HOOKS[node.name], name, module, class_name, "\n".join(lines))
    return found


def class_name(name: str) -> str:
    """Return the class name of a kebab-case name: MyModel for my-model."""
    return "".join(word.capitalize() for word in name.split("-"))


def refuse_names(name: str, wanted: Mapping[Kind, str]) -> None:
    """Refuse names that are invalid or taken.

    Raises:
        UsageError: A name is invalid or taken, or there is nothing to register.
    """
    if not wanted:
        raise UsageError("nothing to register", f"type: genzoo new-plugin {name} --model my-model")
    for what, given in (("plugin", name), *wanted.items()):
        if not NAME.fullmatch(given) or not given[0].isalpha() or given.endswith("-") or "--" in given:
            raise UsageError(f"{what} name {given!r} is not kebab-case (a-z, 0-9 and -)", "use a name such as my-model")
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or importlib.util.find_spec(package) is not None:
        raise UsageError(f"there is already a Python module {package}", f"try genzoo-{name}")
    for kind, given in wanted.items():
        if given in registry().names(kind):
            raise UsageError(f"there is already a {kind} {given!r}", f"choose another name: --{kind} NAME")


def write_package(parent: Path, name: str, wanted: Mapping[Kind, str], commands: Sequence[str] = ()) -> Path:
    """Write a package that installs, runs and passes its own tests.

    Args:
        parent: The package gets a new folder in here.
        name: Of the distribution, in kebab-case; the Python package has underscores instead.
        wanted: The name of each kind that it registers.
        commands: Commands in its README.

    Returns:
        The new folder.

    Raises:
        UsageError: A name is invalid or taken, or the folder exists already or cannot be made.
    """
    refuse_names(name, wanted)
    source = example()
    package, folder = name.replace("-", "_"), parent / name
    init = (source / PACKAGE / "__init__.py").read_text()
    parts = {kind: part for kind, part in parts_of(init).items() if kind in wanted}
    changed = {re.escape(PACKAGE): package, re.escape(PACKAGE.replace("_", "-")): name}
    for kind, part in parts.items():
        changed |= {rf'"{re.escape(part.name)}"': f'"{wanted[kind]}"', part.class_name: class_name(wanted[kind])}
    offers = " · ".join(f"{kind} {given}" for kind, given in wanted.items())
    files = {
        "pyproject.toml": (source / "pyproject.toml").read_text(),
        f"{package}/__init__.py": _registering(init, list(parts.values()), offers),
        f"{package}/py.typed": "",
        **{
            f"{package}/{part.module}.py": (source / PACKAGE / f"{part.module}.py").read_text()
            for part in parts.values()
        },
    }
    if "loss" in wanted:  # the model's own
        changed[r'loss="[^"]*"'] = f'loss="{wanted["loss"]}"'
    files = {path: _renamed(text, changed) for path, text in files.items()}
    files["pyproject.toml"] = re.sub(
        r"(?m)^description = .*", f'description = "A genzoo plugin: {offers}."', files["pyproject.toml"]
    )
    files["pyproject.toml"] = re.sub(r"(?m)^example = ", f"{package} = ", files["pyproject.toml"])
    typed = "".join(f"    {command}\n" for command in commands)
    files["README.md"] = README.format(name=name, package=package, offers=offers, commands=typed)
    files["tests/test_plugin.py"] = TESTS.format(names=", ".join(f'"{given}"' for given in wanted.values()))
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        hint = (
            "choose another name, or delete it"
            if isinstance(error, FileExistsError)
            else "use a folder that you can write to: --in FOLDER"
        )
        raise UsageError(f"cannot make {folder}: {error.strerror}", hint) from None
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_atomically(folder / path, text.encode())
    return folder


def _registering(init: str, parts: list[Part], offers: str) -> str:
    """Return the example's `__init__.py` with only the hooks of `parts` and their imports."""
    used = [
        name
        for name in ("Register", "RegisterMetric", "RegisterModel")
        if any(re.search(rf"\b{name}\b", p.source) for p in parts)
    ]
    docstring = ast.get_docstring(ast.parse(init)) or ""
    text = docstring.partition("\n\n")[2]
    head = f'"""A genzoo plugin: {offers}.\n\n{text}\n"""'
    imports = f"from genzoo import {', '.join([*used, 'hookimpl'])}"
    (stated,) = re.findall(rf'(?m)^{STATED} = .*\n""".*"""$', init)
    return "\n\n\n".join([f"{head}\n\n{imports}\n\n{stated}", *(part.source for part in parts)]) + "\n"


def _renamed(text: str, changed: Mapping[str, str]) -> str:
    for old, new in changed.items():
        text = re.sub(rf"(?<!\w){old}(?!\w)", new, text)
    return text
