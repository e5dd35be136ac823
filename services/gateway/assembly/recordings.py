"""What takes recordings in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from services.gateway.assembly import Ground
from services.gateway.direct import DirectUploads
from services.gateway.leases import Leases
from services.gateway.quotas.enforcing import Quotas
from services.gateway.resuming import Resumables
from services.gateway.store.resumables import ResumableStore
from services.gateway.store.uploads import UploadStore
from services.gateway.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class Recordings:
    """Uploads in one piece, piece by piece, and straight to the store."""

    uploads: Uploads
    resumables: Resumables
    direct: DirectUploads

    @classmethod
    def on(cls, ground: Ground, quotas: Quotas) -> Recordings:
        """Put together."""
        platform, settings = ground.platform, ground.settings
        ttl = dt.timedelta(hours=settings.upload_ttl_hours)
        uploads = Uploads(store=UploadStore(ground.pool), blobs=platform.blobs, quotas=quotas, ttl=ttl)
        resumables = ResumableStore(ground.pool)
        return cls(
            uploads=uploads,
            resumables=Resumables(
                store=resumables,
                uploads=uploads,
                blobs=platform.blobs,
                leases=Leases(resumables, stopping=platform.stopping),
                ttl=ttl,
            ),
            direct=DirectUploads(
                uploads=uploads,
                blobs=platform.blobs,
                allowed=settings.direct_uploads,
                most_bytes=settings.upload_max_bytes,
            ),
        )
