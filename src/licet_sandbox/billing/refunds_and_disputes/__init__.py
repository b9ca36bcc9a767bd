"""Refunds, disputes and their balance transactions."""
