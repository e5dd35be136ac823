"""The face without `asyncio`: made from the other one by generate_sync.py, `blocking.py` apart."""
