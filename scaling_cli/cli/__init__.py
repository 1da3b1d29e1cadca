"""The four commands: each file reads its options, calls one function, shows the result."""
