"""Datasets of what a user has: a folder of pictures, arrays, a table, a text, or the codes of a trained run."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_datasets(register: Register) -> None:
    home = "genzoo_plugins.own_data"
    register("folder", f"{home}.folder:Folder", summary="your own pictures; sub-folders are classes")
    register("npz", f"{home}.npz:Npz", summary="your own arrays from an .npz or .npy file")
    register("arrays", f"{home}.arrays:Arrays", summary="arrays of your program: genzoo.run(MODEL, x)")
    register("csv", f"{home}.table:Csv", summary="your own table of numbers from a CSV file")
    register("text", f"{home}.text:Text", summary="your own text from a UTF-8 file, character by character")
    register("codes", f"{home}.codes:Codes", summary="codes of a trained run, as data for a second model of them")
