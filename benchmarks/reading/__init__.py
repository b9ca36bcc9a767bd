"""The parts of `benchmarks/reads.py`.

fill.py      a database as it looks after two years of business
asked.py     what is asked, by whom
caller.py    who asks, in a process of its own, and how long it took
queries.py   which queries an answer took, and their plans in short
report.py    the findings as Markdown
"""
