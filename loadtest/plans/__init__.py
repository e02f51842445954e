"""The plans: what is measured in which order, and what the answer is.

A plan is a plain function of `measure`, which holds one load and tells what came of it; it opens
no file, no connection and no process.
"""
