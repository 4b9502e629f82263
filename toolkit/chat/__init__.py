"""Rows as a trainer's loader sees them: examples, chat templates rendered in a room of their own, token ids."""
