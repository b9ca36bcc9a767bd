"""The operator's face: accounts, API keys, events, e-mails, and how the service is doing."""
