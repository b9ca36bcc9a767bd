-- Whether Stripe marks the line as a credit: the credit for a span that was billed 0 has an amount of 0.
ALTER TABLE invoice_lines ADD COLUMN credits boolean NOT NULL DEFAULT false;
