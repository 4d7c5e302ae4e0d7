"""One trainer for every registered model: steps, execution modes, optimiser, early stopping, snapshots.
Nothing here writes a file; a run is trained from `genzoo.experiment`.
"""
