"""Search over titles and transcripts: an index of our own in PostgreSQL, for any language, Chinese among the first.

`terms` reads text, `passages` cuts transcripts, `indexing` keeps the index true, `finding` answers questions.
"""
