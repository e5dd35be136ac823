"""What is kept, for how long, and proof of what was erased."""
