"""The API for plugins: interfaces of models, losses, datasets, metrics, listeners and commands; options, distributions,
likelihoods, networks, noise and errors. Not here: files, processes, the registry.
"""
