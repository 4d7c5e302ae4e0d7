"""The process and the machine: safe files, locks, signals, streams, threads, devices, memory, distributed processes,
arithmetic. Nothing here knows what a model, a dataset or a run is.
"""
