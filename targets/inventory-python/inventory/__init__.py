"""The inventory service once more, in another technology.

It shares no code with the other one: only the contract, that is its HTTP API, its tables and its
messages. A contract test runs the same cases against both, so that one can take the place of the
other under load.
"""
