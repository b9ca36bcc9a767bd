"""Idempotent requests: the same `Idempotency-Key` creates one object and gets one response.

Source: docs/decisions/idempotency.md.
"""
