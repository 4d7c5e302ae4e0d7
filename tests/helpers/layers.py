"""The layers of genzoo/: which package may import which, and the diagram of them in CONTRIBUTING.md.

python tests/helpers/layers.py        draws the diagram again
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
LAYERS = (
    "core", "system", "registry", "data", "training", "evaluation", "runs", "comparison", "figures", "reporting",
    "experiment", "testing", "cli",
)  # fmt: skip
"""The packages of genzoo/ from the bottom up. A package imports only itself and packages before it."""
MARKED = re.compile(r"(<!-- python tests/helpers/layers\.py -->\n).*?(<!-- end -->)", flags=re.DOTALL)

Graph = Mapping[str, set[str]]
"""What each module or package imports."""


def modules(root: Path) -> dict[str, Path]:
    """Return the file of each module below the folder of a package: {"genzoo.core.loss": …/core/loss.py}."""
    found = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(root: Path) -> Graph:
    """Return the modules of a package that each of its modules imports at run time, inside functions too."""
    files = modules(root)
    return {name: set(imported(name, file, files)) for name, file in files.items()}


def imported(name: str, file: Path, files: Mapping[str, Path]) -> Iterator[str]:
    """Yield what one module imports. `from a import b` imports the module a.b if there is one, else a."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in run_time_nodes(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            source = ".".join(filter(None, (above, node.module)))
            if source in files:
                inner = (f"{source}.{alias.name}" for alias in node.names)
                yield from (module if module in files else source for module in inner)


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, except the bodies of `if TYPE_CHECKING:`, which hold type hints only."""
    yield node
    hints = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    below = node.orelse if isinstance(node, ast.If) and hints else ast.iter_child_nodes(node)
    for child in below:
        yield from run_time_nodes(child)


def entries(root: Path) -> list[str]:
    """Return the names of the files and folders in a package's own folder, without Python's cache."""
    return sorted(path.name for path in root.iterdir() if path.name != "__pycache__")


def package_of(module: str) -> str:
    """Return "core" for "genzoo.core.loss", and "" for genzoo's own modules, such as genzoo.__main__."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else ""


def between_packages(graph: Graph) -> dict[str, set[str]]:
    """Return the packages that each package imports."""
    packages: dict[str, set[str]] = {layer: set() for layer in LAYERS}
    for module, others in graph.items():
        if package := package_of(module):
            packages[package] |= {package_of(other) for other in others} - {package, ""}
    return packages


def upward_imports(graph: Graph) -> list[str]:
    """Return a line for each import of a module from a higher layer. genzoo's own modules are above all layers."""
    height = {layer: number for number, layer in enumerate((*LAYERS, ""))}
    return [
        f"{module} imports {other}, which is in a higher layer"
        for module, others in sorted(graph.items())
        for other in sorted(others)
        if height[package_of(module)] < height[package_of(other)]
    ]


def circle(graph: Graph) -> list[str]:
    """Return one circle of imports, in order; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])[::-1]
    return []


def unexplained_packages(root: Path) -> list[str]:
    """Return a line for each package whose `__init__` is not two lines of text: what is in it, and what is not.

    `genzoo.testing` is a public module: its `__init__` may be longer and holds its public names.
    """
    return [line for layer in LAYERS for line in unexplained(root / layer / "__init__.py")]


def unexplained(file: Path) -> Iterator[str]:
    """Yield what is wrong with the `__init__` of one package."""
    name = f"genzoo/{file.parent.name}/__init__.py"
    if not file.is_file():
        yield f"{name} is missing"
        return
    tree = ast.parse(file.read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    if file.parent.name == "testing":
        if not text:
            yield f"{name} has no docstring"
        return
    if len(tree.body) != 1:
        yield f"{name} holds code"
    if len(text.splitlines()) != 2 or len(re.findall(r"\.(?=\s|$)", text)) < 2:
        yield f"{name} does not say in two lines what the package holds and what it does not"


def diagram(packages: Graph) -> str:
    """Return the imports between packages as a Mermaid diagram. An import that follows from two others is left out."""
    lines = [
        f"    {package} --> {other}"
        for package in reversed(LAYERS)
        for other in reversed(LAYERS)
        if other in packages[package] and not any(other in below(packages, step) for step in packages[package])
    ]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def below(packages: Graph, package: str) -> set[str]:
    """Return all packages that a package imports, directly or through others."""
    return packages[package].union(*(below(packages, other) for other in packages[package]))


def drawn(text: str) -> str:
    """Return the text of CONTRIBUTING.md with the diagram of the code as it is now."""
    now = diagram(between_packages(imports(ROOT / "genzoo")))
    return MARKED.sub(lambda match: f"{match[1]}{now}{match[2]}", text)


if __name__ == "__main__":
    CONTRIBUTING.write_text(drawn(CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")
