"""Figures of a trained model, and the baselines to hold them against."""
