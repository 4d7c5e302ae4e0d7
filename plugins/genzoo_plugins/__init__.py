"""The built-in plugins, a folder for each family. Each folder registers as a package of its own would."""
