"""Changes of plan: upgrade, downgrade, preview; undoing a duplicate plan."""
