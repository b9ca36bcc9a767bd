"""Helpers that every feature uses: ids, times, money, pages, versions. No I/O."""
