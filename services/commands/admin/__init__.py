"""`audio2txt admin`: tenants, their users, keys and plans, how long things are kept, the audit log, the search index."""

from __future__ import annotations

import argparse
from typing import Any

from services.commands.admin import audit, encryption, erasure, keys, plans, retention, search, tenants, users

DESCRIPTION = """\
For whoever runs the installation: it works on the database itself and needs no key. What it does is in the tenant's audit
log, by the operator.

  audio2txt admin tenants list
  audio2txt admin tenants add acme
  audio2txt admin tenants disable acme                    its keys open nothing; its data stays, and jobs that run go on
  audio2txt admin users add acme chen@example.com --role owner      asks for the password
  audio2txt admin users invite acme wu@example.com --role editor    prints a link to hand over; so does reset-password
  audio2txt admin users list acme
  audio2txt admin users disable acme chen@example.com     and enable, role, set-password, remove
  audio2txt admin keys add acme --role owner --name "First key"
  audio2txt admin keys list acme
  audio2txt admin keys revoke acme 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a
  audio2txt admin plans add small --minutes 600 --storage 20GB --waiting 50 --without rented_engines
  audio2txt admin plans assign acme small
  audio2txt admin retention set acme --audio 30 --record keep
  audio2txt admin erasure verify certificate.json         what it certifies, if it is genuine
  audio2txt admin tenants export acme -o acme.zip         everything of it, without what is secret
  audio2txt admin tenants erase acme                      everything of it, for good
  audio2txt admin audit verify                            every tenant's chain
  audio2txt admin search rebuild acme                     have the tenant's jobs entered anew into the search index

Gateways that run feel a revocation, or that a tenant was disabled, within half a minute, and another plan within
five seconds.
"""


def register(subparsers: Any) -> None:
    """Add the subcommand and its subjects."""
    parser = subparsers.add_parser(
        "admin",
        help="tenants, their users, keys and plans, how long things are kept, the audit log, the search index",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subjects = parser.add_subparsers(title="subjects", metavar="SUBJECT", required=True)
    for subject in (tenants, users, keys, plans, retention, erasure, encryption, audit, search):
        subject.register(subjects)
