"""Metrics of several runs: which runs share a table, estimates over seeds, significance, ranks, rate and distortion.
How they are printed is in `genzoo.reporting`.
"""
