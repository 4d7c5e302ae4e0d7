"""The process and the machine: safe files, locks, caches, signals, streams, threads, devices, memory, several
processes, numeric settings. Not here: anything that knows what a model, a dataset or a run is.
"""
