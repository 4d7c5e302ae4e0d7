"""Whose fault an unexpected exception is: a plugin's, where its code raised it or passed on what could not work."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import FrameType

from genzoo.core.errors import PluginError
from genzoo.registry.discovery import GROUP, Plugin, found
from genzoo.registry.entries import Origin, describe

CORE = Path(__file__).parents[1]


def fault_of(error: BaseException) -> PluginError | None:
    """The error of a plugin that an exception amounts to: with its distribution and the line of its code that led to
    it. None where no plugin's code was running, or only those that genzoo comes with."""
    for frame, line in _innermost_first(error):
        file = Path(frame.f_code.co_filename)
        plugin = _owner(file)
        if plugin is not None and plugin.origin.distribution != GROUP:
            return _of(plugin.origin, file, line, error)
        if plugin is None and isinstance(error, OSError) and file.is_relative_to(CORE):
            return None  # genzoo's own files, whoever asked for them
    return None


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of the command line for an exception: its own, or that of a plugin's fault."""
    code: int = getattr(error, "exit_code", 0) or getattr(fault_of(error), "exit_code", 1)
    return code


def error_line(error: BaseException) -> str:
    """An exception as one line, with the plugin's line where it is a plugin's fault."""
    fault = fault_of(error)
    return describe(error) if fault is None else fault.message


def _of(origin: Origin, file: Path, line: int, error: BaseException) -> PluginError:
    short = "/".join(file.parts[-2:])
    said = f"{describe(error)}, in {origin} at {short}:{line}" if str(origin) != file.name else None
    return PluginError(
        said or f"{describe(error)}, in {file.name}:{line}",
        f"at {file}:{line}; this is a fault of that plugin. For the traceback: genzoo --debug …",
    )


def _innermost_first(error: BaseException) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_tb(error.__traceback__))[::-1]


def _owner(file: Path) -> Plugin | None:
    """The plugin that a source file belongs to: a module given with -p itself, or what lies in an installed package."""
    for plugin in found:
        home = Path(plugin.file) if plugin.file else None
        if home is not None and (file == home or _lies_beside(file, home)):
            return plugin
    return None


def _lies_beside(file: Path, home: Path) -> bool:
    """Whether a file lies in the outermost package of a module."""
    package = None
    for folder in home.parents:
        if not (folder / "__init__.py").exists():
            break
        package = folder
    return package is not None and file.is_relative_to(package)
