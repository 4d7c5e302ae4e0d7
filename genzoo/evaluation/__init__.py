"""Evaluation of trained models: metrics on a split, baselines, sampling, anomaly scores, compression, denoising.
The metrics themselves are plugins.
"""
