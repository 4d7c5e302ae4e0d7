"""Launchers: what starts commands on other machines."""

from genzoo.core.hookspecs import Register, hookimpl


@hookimpl
def register_launchers(register: Register) -> None:
    register(
        "slurm",
        "genzoo_plugins.launchers.slurm:Slurm",
        summary="jobs of a SLURM cluster, queued again with their runs saved when they are ended early",
    )
