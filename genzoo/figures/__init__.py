"""Pictures of a run or of a comparison, one module a kind; `draw.py` lists those of every run.
A figure is always a picture; numbers are metrics.
"""
