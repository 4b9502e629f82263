"""Numbers with their uncertainty. Pure functions over counts and arrays: no file, no clock, no unseeded chance.

A question that the data cannot answer raises `ValueError` in words, or is `None` where the docstring says so.
"""
