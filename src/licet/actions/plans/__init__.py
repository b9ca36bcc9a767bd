"""Changes of plan: upgrade, downgrade, preview, and undoing a duplicate plan."""
