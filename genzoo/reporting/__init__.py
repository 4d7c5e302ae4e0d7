"""Text and HTML: numbers as text, tables, notes and warnings, the pages of a run and of a comparison.
Everything shown here is computed elsewhere.
"""
