"""The test cards that a card form names, and what each does."""

from __future__ import annotations

TEST_CARDS = (
    ("4242 4242 4242 4242", "Pays"),
    ("5555 5555 5555 4444", "Pays (Mastercard)"),
    ("4000 0025 0000 3155", "3D Secure, once; later payments go through"),
    ("4000 0027 6000 3184", "3D Secure, every time"),
    ("4000 0000 0000 9995", "Declined: insufficient funds"),
    ("4000 0000 0000 0002", "Declined"),
    ("4000 0000 0000 0341", "Can be saved, but every payment is declined"),
)  # fmt: skip
