"""The checks of commands and run listeners find their faults."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

import genzoo
from genzoo.registry.current import HERE, Entry
from genzoo.registry.entries import Kind
from genzoo.testing.listener_command_checks import COMMAND, LISTENER, CommandTarget, ListenerTarget


class Fine(genzoo.Command):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="what it is")

    def run(self, options: argparse.Namespace) -> None:
        """Do nothing."""


class Silent(Fine):
    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name")


class Idle(genzoo.Command):
    """A command without run."""


class Quiet(genzoo.RunListener):
    """A listener without a method."""


class Printing(genzoo.RunListener):
    def epoch_finished(self, run: Any, epoch: Any) -> None:
        print(epoch.epoch)


class Strict(genzoo.RunListener):
    def run_finished(self, run: Any, status: str) -> None:
        assert status == "finished", status


def entry(kind: Kind, target: type[Any]) -> Entry:
    return Entry(kind, "mine", target, "made for a test", HERE)


@pytest.mark.parametrize(
    ("check", "command", "fault"),
    [
        ("command", Idle, "Idle does not define run"),
        ("command", Quiet, "Quiet is not a genzoo.Command"),
        ("arguments", Silent, "no help for name"),
    ],
)
def test_a_fault_of_a_command_is_found(check: str, command: type[Any], fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        COMMAND[check](CommandTarget(entry("command", command)))


@pytest.mark.parametrize(
    ("check", "listener", "fault"),
    [
        ("listener", Fine, "Fine is not a genzoo.RunListener"),
        ("hears", Printing, "prints"),
        ("hears", Strict, "interrupted"),
    ],
)
def test_a_fault_of_a_listener_is_found(check: str, listener: type[Any], fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        LISTENER[check](ListenerTarget(entry("listener", listener)))


def test_correct_ones_pass() -> None:
    assert [check(CommandTarget(entry("command", Fine))) for check in COMMAND.values()] == [None, None]
    assert [check(ListenerTarget(entry("listener", Quiet))) for check in LISTENER.values()] == [None, None]
