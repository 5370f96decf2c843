"""Names of the files that the pictures' verbs leave and the site reads; apart, because drawing needs torch."""

GATES = "gates.json"
FRAMES = "frames.json"
