"""`/_sandbox`: controls for buyers, banks, operators and the clock, for tests and demonstrations."""
