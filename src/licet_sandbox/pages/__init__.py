"""The pages that Stripe would host: checkout, invoice, receipt, portal. They work without JavaScript."""
