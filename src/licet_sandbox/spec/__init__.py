"""Stripe's OpenAPI document and example objects, version 2026-10-28.endive. See LICENSE for the terms."""
