"""The command line: `genzoo VERB` is in `VERB.py`; the table of verbs is `VERBS` in `genzoo.core.command`.
Commands parse, call the library and print; they compute nothing.
"""
