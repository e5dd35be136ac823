"""When the work on a job begins: at once, after a time, or when it is its turn among those that wait.

`choice` says whose turn it is, `releasing` lets it begin.
"""
