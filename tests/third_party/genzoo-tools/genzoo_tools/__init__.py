"""A genzoo plugin: a command, a run listener and a dataset that is larger than memory.

This file only registers. The classes are named as text and imported when first used, so `genzoo list` stays fast.
"""

from genzoo import Register, hookimpl

GENZOO_API = 2
"""The plugin API that this was written for."""


@hookimpl
def register_commands(register: Register) -> None:
    register("layers", "genzoo_tools.command:Layers", summary="the parameters of a run's model, layer by layer")
    register("nearest", "genzoo_tools.command:Nearest", summary="samples of a run beside their nearest training images")


@hookimpl
def register_listeners(register: Register) -> None:
    register("epochs-csv", "genzoo_tools.listener:EpochsCSV", summary="a row an epoch into RUN/epochs.csv")


@hookimpl
def register_datasets(register: Register) -> None:
    register("noisy", "genzoo_tools.noisy:Noisy", summary="another dataset of images, with noise")
    register("sines", "genzoo_tools.data:Sines", summary="noisy sines in a file, as many as the disk holds")
