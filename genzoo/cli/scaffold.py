"""Create a plugin package: copies of tested examples with new names, of only what was asked for."""

from __future__ import annotations

import ast
import importlib.util
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.core.hookspecs import API
from genzoo.registry.current import registry
from genzoo.registry.discovery import HOOKS, STATED
from genzoo.registry.entries import NAME, Kind
from genzoo.system.atomic import write_atomically

if TYPE_CHECKING:
    from genzoo.core.model import Model

PACKAGES = ("genzoo_example", "genzoo_starters")
HERE = Path(__file__).parent
LOCATIONS = (HERE / "example", HERE.parents[1] / "tests/third_party")
"""The folder of the examples in an installed genzoo and in a checkout."""
LIKE = "latent-model"
"""What a model is a copy of by default."""
CITED = re.compile(r"\s*\([^()]*\b(?:19|20)\d\d\b[^()]*\)")
"""A reference in brackets: whoever copies the code cites for themselves."""

README = """# {name}

A plugin for [genzoo](https://pypi.org/project/genzoo): {offers}.

    pip install -e .
{commands}
The functions marked `@hookimpl` in `{package}/__init__.py` say what it adds. The code is a copy of genzoo's examples:
change what differs, then the summaries and papers.
"""
TESTS = '''"""Everything that this package registers passes the conformance checks of genzoo."""

from collections.abc import Callable

from genzoo.testing import parametrize_with_checks


@parametrize_with_checks({names})
def test_conformance(check: Callable[[], None]) -> None:
    check()
'''
INIT = '''"""A genzoo plugin: {offers}.

This file only registers. The classes are named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo import {imports}

{stated} = {api}
"""The plugin API that this was written for."""
'''


@dataclass(frozen=True)
class Part:
    """One registration of an example."""

    kind: Kind
    name: str
    package: str
    module: str
    class_name: str
    hook: str
    """The line that defines the hook which registers it."""
    call: str
    """Source code of the registration."""
    loss: str = ""
    """For a model: the loss that trains it."""

    @property
    def like(self) -> str:
        """The capability of a model of which it is the example, and of the loss that belongs to it; else ""."""
        return self.name.removeprefix("starter-").removesuffix("-loss") if self.name.startswith("starter-") else LIKE


def examples() -> Path:
    """Return the folder of the example packages."""
    for place in LOCATIONS:
        if all((place / package.replace("_", "-") / package).is_dir() for package in PACKAGES):
            return place
    raise GenzooError(
        "the examples that new plugins are copied from are missing", "pip install --force-reinstall genzoo"
    )


def source_of(package: str, module: str) -> str:
    """Return the source code of a module of an example package."""
    return (examples() / package.replace("_", "-") / package / f"{module}.py").read_text()


def parts() -> list[Part]:
    """Return all registrations of the examples."""
    return [part for package in PACKAGES for part in parts_of(package, source_of(package, "__init__"))]


def parts_of(package: str, source: str) -> Iterator[Part]:
    """Yield the registrations in the source of a package's `__init__.py`."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or node.name not in (*HOOKS, "register_parts"):
            continue
        hook = source.splitlines()[node.lineno - 1]
        for statement in node.body:
            call = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(call, ast.Call):
                words = [ast.literal_eval(argument) for argument in call.args]
                kind = words[0] if node.name == "register_parts" else HOOKS[node.name]
                module, _, class_name = words[-1].rpartition(".")[2].partition(":")
                loss = next((word.value.value for word in call.keywords if word.arg == "loss"), "")  # type: ignore[attr-defined]
                code = ast.get_source_segment(source, call) or ""
                yield Part(kind, words[-2], package, module, class_name, hook, code, loss)


def kinds() -> list[Kind]:
    """Return the kinds of which there is an example, each once."""
    return list(dict.fromkeys(part.kind for part in parts()))


def likes() -> list[str]:
    """Return the capabilities of models of which there is an example."""
    return [part.like for part in parts() if part.kind == "model"]


def like_of(name: str) -> str:
    """Return the capability that is named, or that a registered model has.

    Raises:
        UsageError: No model and no capability has this name.
    """
    if name in likes():
        return name
    if not registry().called(name, ["model"]):
        known = [*likes(), *registry().names("model")]
        raise UsageError(f"--like {name}: no such model.{did_you_mean(name, known)}", f"one of: {', '.join(known)}")
    return capability(registry().get("model", name).load())


def capability(model: type[Model]) -> str:
    """Return which of the examples a class of models is most like."""
    from genzoo.core.model import Autoencoder, Decoder, Density, LatentModel

    if model.in_closed_form():
        return "closed-form"
    if issubclass(model, LatentModel):
        return LIKE
    if issubclass(model, Density):
        return "flow" if issubclass(model, Autoencoder) else "density"
    return "game" if issubclass(model, Decoder) else "sampler"


def completed(wanted: Mapping[Kind, str], like: str) -> dict[Kind, str]:
    """Return the name of each kind to write: a model whose example has a loss of its own brings that loss.

    Raises:
        UsageError: There is no model that could be like something, no example of a loss for it, or none of a kind.
    """
    if missing := [kind for kind in wanted if kind not in kinds()]:
        raise UsageError(f"there is no example of a {missing[0]} to copy", f"kinds: {', '.join(kinds())}")
    if like != LIKE and "model" not in wanted:
        raise UsageError(f"--like {like} is for a model", "name it: --model my-model")
    own = [part for part in parts() if part.kind == "loss" and part.like == like]
    if "loss" in wanted and not own:
        raise UsageError(f"a {like} model is trained by a loss of genzoo", "leave --loss out")
    return (
        dict(wanted) if like == LIKE or not own else {**wanted, "loss": wanted.get("loss", f"{wanted['model']}-loss")}
    )


def chosen(wanted: Mapping[Kind, str], like: str) -> dict[Kind, Part]:
    """Return the example of each kind."""
    found: dict[Kind, Part] = {}
    for part in parts():
        if part.kind in wanted and (part.kind not in ("model", "loss") or part.like == like):
            found.setdefault(part.kind, part)
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
    if len(set(map(class_name, wanted.values()))) < len(wanted):
        raise UsageError("two kinds have the same name", "choose two: --model my-model --loss my-loss")


def write_package(
    parent: Path, name: str, wanted: Mapping[Kind, str], commands: Sequence[str] = (), like: str = LIKE
) -> Path:
    """Write a package that installs, runs and passes its own tests.

    Args:
        parent: The package gets a new folder in here.
        name: Of the distribution, in kebab-case; the Python package has underscores instead.
        wanted: The name of each kind that it registers.
        commands: Commands in its README.
        like: The capability of its model, one of `likes()`.

    Returns:
        The new folder.

    Raises:
        UsageError: A name is invalid or taken, or the folder exists already or cannot be made.
    """
    refuse_names(name, wanted)
    files, folder = files_of(name, wanted, chosen(wanted, like), commands), parent / name
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


def files_of(
    name: str, wanted: Mapping[Kind, str], copied: Mapping[Kind, Part], commands: Sequence[str]
) -> dict[str, str]:
    """Return the text of each file of a package."""
    package, offers = name.replace("-", "_"), " · ".join(f"{kind} {given}" for kind, given in wanted.items())
    changed = {old: new for example in PACKAGES for old, new in ((example, package), (example.replace("_", "-"), name))}
    for kind, part in copied.items():
        plain = part.name.startswith("starter-")  # the others are words of prose too
        changed |= {part.name: wanted[kind]} if plain else {f'"{part.name}"': f'"{wanted[kind]}"'}
        changed |= {part.class_name: class_name(wanted[kind])}
        if kind == "model" and "loss" in copied:
            changed[f'loss="{part.loss}"'] = f'loss="{wanted["loss"]}"'
    modules = {part.module: part.package for part in copied.values()}
    code = {f"{package}/{module}.py": source_of(home, module) for module, home in modules.items()}
    code[f"{package}/__init__.py"] = _registering(list(copied.values()), offers)
    project = (examples() / PACKAGES[0].replace("_", "-") / "pyproject.toml").read_text()
    project = re.sub(r"(?m)^description = .*", f'description = "A genzoo plugin: {offers}."', project)
    project = re.sub(r"(?m)^example = ", f"{package} = ", project)
    typed = "".join(f"    {command}\n" for command in commands)
    return {
        **{path: _renamed(CITED.sub("", text), changed) for path, text in code.items()},
        "pyproject.toml": _renamed(project, changed),
        f"{package}/py.typed": "",
        "README.md": README.format(name=name, package=package, offers=offers, commands=typed),
        "tests/test_plugin.py": TESTS.format(names=", ".join(f'"{given}"' for given in wanted.values())),
    }


def _registering(copied: Sequence[Part], offers: str) -> str:
    """Return the `__init__.py` that registers parts, without their papers."""
    hooks: dict[str, list[str]] = {}
    for part in copied:
        hooks.setdefault(part.hook, []).append(re.sub('paper="[^"]*"', 'paper="unpublished"', part.call))
    imports = sorted({name for hook in hooks for name in re.findall(r"Register\w*", hook)})
    head = INIT.format(offers=offers, imports=", ".join([*imports, "hookimpl"]), stated=STATED, api=API)
    code = [f"@hookimpl\n{hook}\n" + "\n".join(f"    {call}" for call in calls) for hook, calls in hooks.items()]
    return "\n\n\n".join([head.rstrip(), *code]) + "\n"


def _renamed(text: str, changed: Mapping[str, str]) -> str:
    """Return a text with other names, the longest first: one may begin with another."""
    names = "|".join(re.escape(old) for old in sorted(changed, key=len, reverse=True))
    return re.sub(rf"(?<![\w-])(?:{names})(?![\w-])", lambda match: changed[match[0]], text)
