"""How rows are asked for: one file a recipe.

A recipe is a generator: it yields requests, is sent replies and returns rows. It does no I/O.
"""
