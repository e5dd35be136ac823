"""The face for `asyncio`, from which the other one is made: see generate_sync.py."""
