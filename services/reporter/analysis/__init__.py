"""What a report says: found by code, a language model or the speech engine, and checked against the transcript by code."""
