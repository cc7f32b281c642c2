"""The command line: one file a command that parses, calls one function and prints. No logic of scoring."""
