"""Making runs: one experiment from its configuration to its folder, resuming, checkpointing, sweeps, the Python API.
What a run leaves on disk is described in `genzoo.runs`.
"""
