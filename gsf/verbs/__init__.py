"""The verbs of the command line, one module an area: each adds its own to the parser."""
