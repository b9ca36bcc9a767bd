"""Emails and outgoing events about business facts."""
