"""What tenants have used, month by month."""

from __future__ import annotations
