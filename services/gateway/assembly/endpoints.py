"""What knows whom to tell."""

from __future__ import annotations

from services.gateway.assembly import Ground
from services.gateway.endpoints import Endpoints
from services.gateway.endpoints.addresses import Addresses
from services.gateway.store.addresses import AddressStore
from services.gateway.store.deliveries import DeliveryLog
from services.gateway.store.endpoints import EndpointStore
from services.gateway.tenancy import as_system
from shared.sealing import Sealer


async def endpoints_on(ground: Ground) -> Endpoints:
    """Put together; endpoints of before there were addresses get theirs."""
    platform, pool, settings = ground.platform, ground.pool, ground.settings
    store = EndpointStore(pool)
    addresses = Addresses(
        store=AddressStore(pool),
        confirming=settings.mail_confirm,
        public_url=platform.settings.public_url,
        most_a_day=settings.mail_confirmations_per_day,
        wake=ground.outbox.wake,
    )
    with as_system():
        await addresses.adopt(await store.unaddressed())
    return Endpoints(
        store=store,
        log=DeliveryLog(pool),
        addresses=addresses,
        sealer=Sealer(platform.secret_key, purpose="endpoint"),
        policy=ground.egress,
        most=settings.endpoints_per_tenant,
        wake=ground.outbox.wake,
    )
