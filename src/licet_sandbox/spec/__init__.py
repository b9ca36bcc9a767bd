"""Stripe's OpenAPI document and its example objects, version 2026-10-28.endive, under the licence beside them."""
