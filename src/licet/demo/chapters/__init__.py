"""The story, a file for each part of a license's life."""
