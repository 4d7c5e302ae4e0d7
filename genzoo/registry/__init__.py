"""Registered plugins and how they are found: entry points, names, options of registrations, faults of plugins.
Not here: the interfaces that they implement (`genzoo.core`), and the built-in plugins (`plugins/`).
"""
