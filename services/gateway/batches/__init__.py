"""Many recordings in one request: each becomes a job of its own, or is told why it does not.

`requests` says what may be asked, `making` makes the jobs, `views` shows how they fare.
"""
