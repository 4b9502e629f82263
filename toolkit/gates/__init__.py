"""What a generated row must pass before it is accepted: one file a gate, the cheapest first.

A gate judges one candidate and says why it is refused. What `verify` calls a finding is a refusal here:
in generation a refused row costs a further request, not a row of the user's own.
"""
