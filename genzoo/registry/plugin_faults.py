"""Attribution of unexpected exceptions: to a plugin if its code raised it, or called genzoo with wrong arguments."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import FrameType

from genzoo.core.errors import PluginError
from genzoo.registry.discovery import GROUP, Plugin, plugins
from genzoo.registry.entries import Origin, describe

CORE = Path(__file__).parents[1]


def fault_of(error: BaseException) -> PluginError | None:
    """Convert an exception into the error of a plugin, with its distribution and the line of its code.

    None if no plugin's code was running, or only that of built-in plugins.
    """
    for frame, line in _innermost_first(error):
        file = Path(frame.f_code.co_filename)
        plugin = _owner(file)
        if plugin is not None and plugin.origin.distribution != GROUP:
            return _of(plugin.origin, file, line, error)
        if plugin is None and isinstance(error, OSError) and file.is_relative_to(CORE):
            return None  # genzoo's own file access, even if a plugin requested it
    return None


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of the command line for an exception: its own, or that of a plugin's error."""
    code: int = getattr(error, "exit_code", 0) or getattr(fault_of(error), "exit_code", 1)
    return code


def error_line(error: BaseException) -> str:
    """Return an exception as one line of text, with the line of code if it is a plugin's fault."""
    fault = fault_of(error)
    return describe(error) if fault is None else fault.message


def _of(origin: Origin, file: Path, line: int, error: BaseException) -> PluginError:
    place = f"{origin} at {'/'.join(file.parts[-2:])}" if str(origin) != file.name else file.name
    return PluginError(
        f"{describe(error)}, in {place}:{line}",
        f"at {file}:{line}; this is a fault of that plugin. For the traceback: genzoo --debug …",
    )


def _innermost_first(error: BaseException) -> list[tuple[FrameType, int]]:
    return list(traceback.walk_tb(error.__traceback__))[::-1]


def _owner(file: Path) -> Plugin | None:
    """Return the plugin that a source file belongs to: it is the plugin's module, or lies in the same package."""
    for plugin in plugins:
        home = Path(plugin.file) if plugin.file else None
        if home is not None and (file == home or _lies_beside(file, home)):
            return plugin
    return None


def _lies_beside(file: Path, home: Path) -> bool:
    """Return whether a file lies in the outermost package of a module."""
    package = None
    for folder in home.parents:
        if not (folder / "__init__.py").exists():
            break
        package = folder
    return package is not None and file.is_relative_to(package)
