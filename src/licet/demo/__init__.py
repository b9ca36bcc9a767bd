"""`licet demo`: a purchase becomes a license, told as it happens, and what can befall it afterwards.

stage.py       a whole Licet on a throw-away directory, and its end
tethered.py    how that is started: it ends with the demo
signals.py     Ctrl-C and its kin, heeded where stopping is safe
shop.py        how the story speaks with Licet and with its sandbox: over HTTP, like anybody
answers.py     what was asked and found, beside what was expected
questions.py   what the story asks Licet after each step
acts.py        what buyers, cards, operators and time do
cards.py       what they pay with
cast.py        who is in it
chapters/      the story itself
scene.py       where a chapter says what happens, and checks it
story.py       the chapters in their order
open_house.py  a last step, where the demo stays; invitation.py: where everything is then
teller.py      how it is told to programs; in_words.py: to people
run.py         all of it put together
"""
