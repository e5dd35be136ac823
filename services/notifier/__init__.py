"""The notifier tells customers' systems what became of their jobs."""
