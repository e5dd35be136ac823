"""Fetches and converts the networks that tell speakers apart. For the build: nothing that serves imports it."""
