"""The gateway owns the job and is the only door for clients."""
