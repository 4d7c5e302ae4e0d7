"""A new plugin package: a copy of the tested example, under other names and with the parts that are asked for."""

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
PLACES = (HERE / "example", HERE.parents[1] / "tests/third_party/genzoo-example")
"""Where the example lies in an installed genzoo and in a checkout."""

README = """# {name}

A plugin for [genzoo](https://pypi.org/project/genzoo): {offers}.

    pip install -e .
{commands}
The functions marked `@hookimpl` in `{package}/__init__.py` say what it adds. The code is a copy of genzoo's example:
change what differs, then the summaries and papers.
"""
TESTS = '''"""Everything that this package registers does what genzoo asks of it."""

from collections.abc import Callable

from genzoo.testing import parametrize_with_checks


@parametrize_with_checks({names})
def test_conformance(check: Callable[[], None]) -> None:
    check()
'''


@dataclass(frozen=True)
class Part:
    """One thing that the example registers."""

    kind: Kind
    name: str
    module: str
    class_name: str
    source: str
    """The hook that registers it."""


def example() -> Path:
    """The folder of the example package."""
    for place in PLACES:
        if (place / PACKAGE / "__init__.py").is_file():
            return place
    raise GenzooError("the example that new plugins are copied from is missing", "pip install --force-reinstall genzoo")


def parts_of(source: str) -> dict[Kind, Part]:
    """What a plugin module registers, one part a hook, from its source."""
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
    """my-model → MyModel."""
    return "".join(word.capitalize() for word in name.split("-"))


def refuse_names(name: str, wanted: Mapping[Kind, str]) -> None:
    """Refuses names that no package, or nothing registered, can have.

    Raises:
        UsageError: Naming the one and what to type instead.
    """
    if not wanted:
        raise UsageError("say what it adds", f"type: genzoo new-plugin {name} --model my-model")
    for what, given in (("plugin", name), *wanted.items()):
        if not NAME.fullmatch(given) or not given[0].isalpha() or given.endswith("-") or "--" in given:
            raise UsageError(f"{what} name {given!r} is not kebab-case (a-z, 0-9 and -)", "such as my-model")
    package = name.replace("-", "_")
    if keyword.iskeyword(package) or importlib.util.find_spec(package) is not None:
        raise UsageError(f"there is a Python module {package} already", f"try genzoo-{name}")
    for kind, given in wanted.items():
        if given in registry().names(kind):
            raise UsageError(f"there is a {kind} {given!r} already", f"choose another name: --{kind} NAME")


def write_package(parent: Path, name: str, wanted: Mapping[Kind, str], commands: Sequence[str] = ()) -> Path:
    """Writes a package that installs, passes its own tests and runs at once.

    Args:
        parent: A new folder of the package's name is made in here.
        name: Of the distribution, kebab-case; the Python package is called the same with underscores.
        wanted: The name of each thing that it is to register.
        commands: What its README says to type once it is installed.

    Returns:
        The new folder.

    Raises:
        UsageError: A name that cannot be, or a folder that is there already or cannot be made.
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
            "name another, or delete it"
            if isinstance(error, FileExistsError)
            else "go to a folder that you may write to"
        )
        raise UsageError(f"cannot make {folder}: {error.strerror}", hint) from None
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        write_atomically(folder / path, text.encode())
    return folder


def _registering(init: str, parts: list[Part], offers: str) -> str:
    """The example's `__init__.py` with some of its hooks, and the imports that they need."""
    used = [
        name
        for name in ("Register", "RegisterMetric", "RegisterModel")
        if any(re.search(rf"\b{name}\b", p.source) for p in parts)
    ]
    said = ast.get_docstring(ast.parse(init)) or ""
    said = said.partition("\n\n")[2]
    head = f'"""A genzoo plugin: {offers}.\n\n{said}\n"""'
    imports = f"from genzoo.core.hookspecs import {', '.join([*used, 'hookimpl'])}"
    (stated,) = re.findall(rf'(?m)^{STATED} = .*\n""".*"""$', init)
    return "\n\n\n".join([f"{head}\n\n{imports}\n\n{stated}", *(part.source for part in parts)]) + "\n"


def _renamed(text: str, changed: Mapping[str, str]) -> str:
    for old, new in changed.items():
        text = re.sub(rf"(?<!\w){old}(?!\w)", new, text)
    return text
