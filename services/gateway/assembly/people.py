"""What knows who asks, by key, password, session or another's word, and what they did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from services.gateway.api_keys import ApiKeys
from services.gateway.assembly import Ground
from services.gateway.audit_trail import AuditTrail
from services.gateway.auth import Authenticator, LastUses
from services.gateway.credentials import cookie_name
from services.gateway.identification import Identification
from services.gateway.oidc import SingleSignOn, single_sign_on
from services.gateway.oidc.people import People as ProvidedPeople
from services.gateway.settings import OidcSettings
from services.gateway.store.account_links import AccountLinkStore
from services.gateway.store.accounts import AccountStore
from services.gateway.store.attempts import AttemptStore
from services.gateway.store.audit import AuditStore
from services.gateway.store.identities import IdentityStore
from services.gateway.store.keys import KeyStore
from services.gateway.store.sign_ins import SignInStore
from services.gateway.store.users import UserStore
from services.gateway.tenancy import by_system
from services.gateway.users import Users
from services.gateway.users.links import AccountLinks
from services.gateway.users.passwords import Passwords
from services.gateway.users.sessions import Sessions
from services.gateway.users.signing_in import SigningIn
from shared.loops import Loop
from shared.sealing import Sealer
from shared.settings import load


@dataclass(frozen=True, kw_only=True)
class People:
    """Everything that decides about keys and users."""

    trail: AuditTrail
    identification: Identification
    keys: ApiKeys
    users: Users
    links: AccountLinks
    single_sign_on: SingleSignOn | None

    @classmethod
    def on(cls, ground: Ground) -> People:
        """Put together."""
        keys, users, trail = KeyStore(ground.pool), UserStore(ground.pool), AuditTrail(AuditStore(ground.pool))
        identification = _identification(ground, keys=keys, users=users, trail=trail)
        signing_in = identification.signing_in
        oidc = load(OidcSettings, ground.platform.environment)
        provided = ProvidedPeople.of(oidc, identities=IdentityStore(ground.pool), users=users)
        return cls(
            trail=trail,
            identification=identification,
            keys=ApiKeys(store=keys, most=ground.settings.keys_per_tenant, forget=identification.keys.forget),
            users=Users(store=users, passwords=signing_in.passwords, signing_in=signing_in),
            links=_links(ground, users=users, signing_in=signing_in),
            single_sign_on=single_sign_on(oidc, ground.platform, ground.egress, provided),
        )

    @property
    def loops(self) -> Sequence[Loop]:
        """What goes on while nobody asks."""
        return [
            Loop(name="gateway.key_uses", run=by_system(self.identification.key_uses.run)),
            Loop(name="gateway.sign_in_uses", run=by_system(self.identification.sign_in_uses.run)),
            Loop(name="gateway.audit", run=by_system(self.trail.run)),
        ]


def _identification(ground: Ground, *, keys: KeyStore, users: UserStore, trail: AuditTrail) -> Identification:
    """All by which requests say who makes them. Whoever is not known yet is looked for by the system."""
    sign_ins, system = SignInStore(ground.pool), ground.platform.database
    return Identification(
        keys=Authenticator(AccountStore(system)),
        key_uses=LastUses(keys),
        signing_in=SigningIn(users=users, attempts=AttemptStore(system), passwords=Passwords(), noted=trail.note),
        sessions=Sessions(
            store=sign_ins,
            master=ground.platform.secret_key,
            longest=dt.timedelta(hours=ground.settings.session_hours),
            idle=dt.timedelta(hours=ground.settings.session_idle_hours),
        ),
        sign_in_uses=LastUses(sign_ins),
        cookie=cookie_name(secure=ground.secure),
    )


def _links(ground: Ground, *, users: UserStore, signing_in: SigningIn) -> AccountLinks:
    platform, settings = ground.platform, ground.settings
    return AccountLinks(
        store=AccountLinkStore(ground.pool),
        users=users,
        attempts=signing_in.attempts,
        passwords=signing_in.passwords,
        sealer=Sealer(platform.secret_key, purpose="endpoint"),
        master=platform.secret_key,
        public_url=platform.settings.public_url,
        most_users=settings.users_per_tenant,
        most_a_day=settings.mail_confirmations_per_day,
        wake=ground.outbox.wake,
    )
