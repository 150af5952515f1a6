"""Tools that diagnose running programs side by side: who reports which mistakes of `tests/mistakes`, at what cost.

python -m benches.diagnosers              all tools over the corpus; writes docs/diagnosers.md
python -m benches.diagnosers deadlock     only the programs whose name has one of the words in it; writes nothing
"""
