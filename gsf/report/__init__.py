"""The results table, its pictures and the receipts behind it."""
