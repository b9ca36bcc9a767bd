"""`/_sandbox`: what a buyer, an operator or the passing of time does, for tests and demonstrations."""
