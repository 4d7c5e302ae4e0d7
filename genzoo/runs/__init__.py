"""A run on disk: its folder, configuration, record, environment, checkpoints and model file; and building its model.
Runs are made in `genzoo.experiment` and compared in `genzoo.comparison`.
"""
