"""Where replies come from: one file a provider.

A provider serves one request at a time and knows nothing of pace, money or retries. Its model string
is part of every request's key, so it changes whenever its replies would.
"""
