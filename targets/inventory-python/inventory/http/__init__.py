"""The two doors of the process: one for customers behind the proxy, one for operators."""
