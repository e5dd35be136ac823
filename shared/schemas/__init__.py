"""The contracts: every message and document that crosses a border. Imports nothing of ours."""
