"""The results site: static pages of all studies in which every number leads down to the frames that it rests on.

Built from what git has: tables, receipts, evidence and pictures of `results/`. It computes no result of its own.
"""
