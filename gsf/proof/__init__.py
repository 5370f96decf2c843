"""Proof: the chain that receipts form is traced and verified, from every number down to the bytes that are here."""
