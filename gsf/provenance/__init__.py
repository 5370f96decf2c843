"""Receipts, the chain they form, and its verification."""
