"""Readers of files that users bring: CSV, .npy and .npz, IDX, images in folders.
They return arrays or tensors; how these become a split is decided in `genzoo.data`.
"""
