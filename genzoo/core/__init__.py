"""What plugins are written against: interfaces of models, losses, datasets, metrics, listeners and commands; options,
distributions, likelihoods, networks, noise and errors. No files, no process, no registry.
"""
