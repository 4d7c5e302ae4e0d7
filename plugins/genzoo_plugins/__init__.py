"""The built-in plugins. Each folder has the shape of a package of its own."""
