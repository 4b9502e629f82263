"""Trainers: each part forecasts, row by row, what one version of one trainer feeds to the model.

A part names the renderings that it needs of a row (`jobs`), looks once at the tokenizer (`setup`, which
may return anything) and turns rows and renderings into `Trained` (`dry_run`). `left_over` is for a
trainer that never sees its last rows, `packed` for one that joins rows into sequences. `stage` is what it is
for: sft, dpo (pairs) or kto (answers that are wanted or not). The options and their defaults are the trainer's own.
"""
