"""Training clips and views as pictures."""
