"""The command line: `genzoo VERB` is in `VERB.py`, the table of verbs in `main.py`.
Commands parse, call the library and print; they compute nothing.
"""
