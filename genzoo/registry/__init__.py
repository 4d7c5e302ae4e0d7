"""What is registered and how it is found: entry points, names, options of registrations, faults of plugins.
What is registered follows the interfaces in `genzoo.core`; the built-in plugins are in `plugins/`.
"""
