-- Before the new code is out. Whether Stripe marks a line as a credit: the credit for a span that was billed 0 is 0 too.
ALTER TABLE invoice_lines ADD COLUMN credits boolean NOT NULL DEFAULT false;
