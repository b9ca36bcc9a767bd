"""E-mail: queued with the fact it tells of, rendered from ids when sent or shown, sent by SMTP or kept."""
