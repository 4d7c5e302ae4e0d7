"""Words and pages: numbers as text, tables, warnings, the page of a run, of a comparison, of a leaderboard.
Everything shown here is computed elsewhere.
"""
