"""The verbs of the command line by area: each module adds its own to the parser and holds what they call."""
