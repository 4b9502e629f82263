"""Answers to a queue: the log they are kept in, how they become labelled rows, and a model that answers.

The page imports the log alone, so nothing else is imported here.
"""
