"""`licet demo`: shows how a purchase becomes a license, and what happens to the license afterwards.

run.py          runs the demo from start to end, and handles signals
process.py      starts and stops a complete Licet on a temporary directory
client.py       HTTP client of Licet, of Stripe's API and of the sandbox's controls
actions.py      what customers, operators and time do; the customers themselves
queries.py      what the demo reads from Licet after an action
checks.py       compares what was read with what is expected
steps.py        runs steps, one after the other
scenario.py     the steps of the demo, in order
cards.py        Stripe's test cards
output.py       the results, and the output as JSON
text_output.py  the output as text
"""
