"""The pages that Stripe would host: checkout, invoice and receipt. They work without JavaScript."""
