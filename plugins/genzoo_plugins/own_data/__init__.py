"""Datasets of what a user has: a folder of pictures, arrays, a table, or the codes of a trained run."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    home = "genzoo_plugins.own_data"
    register("folder", f"{home}.folder:Folder", summary="your own pictures; sub-folders are classes")
    register("npz", f"{home}.npz:Npz", summary="your own arrays from an .npz or .npy file")
    register("csv", f"{home}.table:Csv", summary="your own table of numbers from a CSV file")
    register("codes", f"{home}.codes:Codes", summary="codes of a trained run, as data for a second model of them")
