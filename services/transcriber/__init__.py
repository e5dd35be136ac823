"""The transcriber turns audio into a transcript through a speech engine."""
