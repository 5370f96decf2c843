"""Names of the files that the pictures' verbs leave and the site reads; apart, because drawing needs torch."""

GATES = "gates.json"
FORMAT = 2  # of gates.json
FRAMES = "frames.json"
