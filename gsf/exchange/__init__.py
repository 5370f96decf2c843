"""Results and benchmarks in forms that other programs read: crates, data set descriptions, signatures.

Everything here is made from what git has, receipts above all, and adds nothing to the chain.
"""
