"""What tenants may use by their plans: enforced before any cost arises."""

from __future__ import annotations
