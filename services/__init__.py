"""The four services of Audio2txt and the command that runs them."""
