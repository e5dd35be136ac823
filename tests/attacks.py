"""Spellings by which attackers have reached loopback and what else lies inside."""

from __future__ import annotations

ATTACKS = """
http://127.0.0.1:{port}/ http://127.0.0.1.:{port}/ http://2130706433:{port}/ http://0x7f000001:{port}/
http://017700000001:{port}/ http://0177.0.0.1:{port}/ http://0x7f.0.0.1:{port}/ http://127.1:{port}/ http://127.0.1:{port}/
http://0x7f.1:{port}/ http://127.0x1:{port}/ http://0:{port}/ http://0.0.0.0:{port}/ http://00:{port}/
http://127.0.0.2:{port}/ http://127.255.255.254:{port}/
http://[::1]:{port}/ http://[::]:{port}/ http://[0:0:0:0:0:0:0:1]:{port}/ http://[::ffff:127.0.0.1]:{port}/
http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/ http://[::ffff:7f00:1]:{port}/ http://[::127.0.0.1]:{port}/
http://[::ffff:0:7f00:1]:{port}/ http://[::ffff:0:127.0.0.1]:{port}/ http://[64:ff9b::7f00:1]:{port}/
http://[64:ff9b::127.0.0.1]:{port}/ http://[2002:7f00:1::]:{port}/ http://[::1%25lo]:{port}/ http://[::1%lo]:{port}/
http://[::ffff:127.0.0.1%25lo]:{port}/ http://[fe80::1%25lo]:{port}/
http://①②⑦.⓪.⓪.①:{port}/ http://127。0。0。1:{port}/ http://１２７.０.０.１:{port}/ http://ⓛocalhost:{port}/
http://localhost:{port}/ http://LOCALHOST.:{port}/ http://anything.localhost:{port}/ http://localhost。:{port}/
http://user@127.0.0.1:{port}/ http://example.com@127.0.0.1:{port}/ http://example.com:80@127.0.0.1:{port}/
http://127.0.0.1:{port}\\@example.com/ http://127.0.0.1:{port}#@example.com/ http://127.0.0.1:{port}%2f@example.com/
http://example.com%00@127.0.0.1:{port}/ http://127.0.0.1:{port}?@example.com http:\\\\127.0.0.1:{port}/
http:///127.0.0.1:{port}/ http://127.0.0.1%00.example.com:{port}/ http://%31%32%37.0.0.1:{port}/
"""
"""One a word, with `{port}` for where the canary listens."""
