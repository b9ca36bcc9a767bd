"""Email: queued with the fact that it reports, rendered when sent or shown, sent by SMTP or kept."""
