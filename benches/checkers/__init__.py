"""Static checkers side by side: who finds which of the mistakes in the corpus of `ferraio check`.

python -m benches.checkers             all checkers over the corpus, and how long it takes; writes docs/checkers.md
python -m benches.checkers.speed       how long ferraio and ruff take for the standard library
python -m benches.checkers.packages    `ferraio check` over well-known packages: what it says there, to be reviewed
"""
