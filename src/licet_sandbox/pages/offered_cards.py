"""The test cards listed below a card form, and what each one does."""

from __future__ import annotations

TEST_CARDS = (
    ("4242 4242 4242 4242", "Payment succeeds"),
    ("5555 5555 5555 4444", "Payment succeeds (Mastercard)"),
    ("4000 0025 0000 3155", "3D Secure required once; later payments succeed"),
    ("4000 0027 6000 3184", "3D Secure required for every payment"),
    ("4000 0000 0000 9995", "Declined: insufficient funds"),
    ("4000 0000 0000 0002", "Declined"),
    ("4000 0000 0000 0341", "Card can be saved; every payment is declined"),
)  # fmt: skip
