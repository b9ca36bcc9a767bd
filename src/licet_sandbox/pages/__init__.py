"""The pages that Stripe hosts: Checkout, invoice, receipt, portal. They work without JavaScript."""
