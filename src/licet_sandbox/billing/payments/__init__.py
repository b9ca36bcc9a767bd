"""Cards, payment methods, payment intents and setup intents."""
