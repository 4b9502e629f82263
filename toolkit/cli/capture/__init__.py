"""Capture a model's traffic byte for byte, and turn it into rows."""
