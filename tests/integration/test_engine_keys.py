"""A tenant's own key of a rented engine: used before the deployment's, sealed at rest, and never mistaken for another's."""

from __future__ import annotations

from uuid import UUID

import pytest
from structlog.testing import capture_logs

from services.transcriber.accounts import Accounts
from services.transcriber.rules import RulesChange, RulesStore
from shared import migrations
from shared.database import Pool
from shared.schemas.engines import EngineRules
from shared.schemas.ids import new_id
from tests.transcribing import HouseEngine, Provider

SECRET = b"a master secret for tests, 32 bytes and more"
OWN_KEY = "tenants-own-key-9876"


@pytest.fixture
async def accounts(pool: Pool) -> Accounts:
    """Over a database with the transcriber's schema."""
    await migrations.apply(pool, "transcriber")
    return Accounts(pool=pool, secret_key=SECRET)


@pytest.fixture
def tenant() -> UUID:
    """A new tenant."""
    return new_id()


async def test_the_deployments_key_is_everybodys(accounts: Accounts, tenant: UUID) -> None:
    """All tenants without a key of their own share one account."""
    mine, other = await accounts.of(tenant, Provider()), await accounts.of(new_id(), Provider())
    assert mine is not None
    assert (mine.key, mine.tenant_id, mine.engine) == ("deployment-key-1234", None, "rented")
    assert mine == other
    assert "1234" not in mine.id
    assert "1234" not in repr(mine)


async def test_a_tenants_own_key_comes_first(accounts: Accounts, tenant: UUID) -> None:
    """Whether or not the deployment has one; others never get it."""
    await accounts.keep_key(tenant, "rented", OWN_KEY)
    for engine in (Provider(), _keyless()):
        account = await accounts.of(tenant, engine)
        assert account is not None
        assert (account.key, account.tenant_id) == (OWN_KEY, tenant)
    assert await accounts.of(new_id(), _keyless()) is None
    assert await accounts.remove_key(tenant, "rented")
    assert not await accounts.remove_key(tenant, "rented")
    assert await accounts.of(tenant, _keyless()) is None


async def test_a_task_stays_with_its_owner(accounts: Accounts, tenant: UUID) -> None:
    """What was handed over with the deployment's key is asked for with that, and a tenant's with the tenant's newest."""
    with_deployments = await accounts.of(tenant, Provider())
    await accounts.keep_key(tenant, "rented", OWN_KEY)
    with_own = await accounts.of(tenant, Provider())
    assert with_deployments is not None
    assert with_own is not None
    assert await accounts.of(tenant, Provider(), with_deployments.id) == with_deployments
    await accounts.keep_key(tenant, "rented", "rotated-key-0000")
    rotated = await accounts.of(tenant, Provider(), with_own.id)
    assert rotated is not None
    assert rotated.key == "rotated-key-0000"
    await accounts.remove_key(tenant, "rented")
    assert await accounts.of(tenant, Provider(), with_own.id) is None


async def test_engines_in_the_house_need_no_account(accounts: Accounts, tenant: UUID) -> None:
    """Nobody pays for them."""
    assert await accounts.of(tenant, HouseEngine.__new__(HouseEngine)) is None


async def test_keys_lie_sealed(accounts: Accounts, pool: Pool, tenant: UUID) -> None:
    """Nothing of one can be read in the database but its last four characters."""
    await accounts.keep_key(tenant, "rented", OWN_KEY)
    row = await pool.fetchrow("select * from transcriber.provider_keys")
    assert row is not None
    assert row["hint"] == "9876"
    assert OWN_KEY[:8].encode() not in row["sealed"]


async def test_another_master_secret_cannot_read_them(accounts: Accounts, pool: Pool, tenant: UUID) -> None:
    """The tenant's jobs wait as without a key, and are not put on somebody else's bill; the operator is told once."""
    await accounts.keep_key(tenant, "rented", OWN_KEY)
    mistaken = Accounts(pool=pool, secret_key=bytes(40))
    with capture_logs() as logs:
        assert await mistaken.of(tenant, Provider()) is None
        assert await mistaken.of(tenant, Provider(), "tenant-0123456789ab") is None
    (line,) = logs
    assert (line["log_level"], line["engine"], line["tenant_id"]) == ("error", "rented", str(tenant))
    assert "AUDIO2TXT_SECRET_KEY is not the one" in line["error"]


async def test_rules_are_changed_one_by_one(accounts: Accounts, pool: Pool, tenant: UUID) -> None:
    """What is not named stays as it is; keys show by the names of their engines."""
    rules = RulesStore(pool)
    assert await rules.of(tenant) == EngineRules()
    await rules.change(tenant, RulesChange(engine="local"))
    await rules.change(tenant, RulesChange(allow_rented=False, vocabulary=("Dr. Chen",)))
    await accounts.keep_key(tenant, "rented", OWN_KEY)
    wanted = EngineRules(engine="local", allow_rented=False, vocabulary=("Dr. Chen",), keys=frozenset({"rented"}))
    assert await rules.of(tenant) == wanted
    await rules.change(tenant, RulesChange(engine=None))
    assert (await rules.of(tenant)).engine is None
    assert list(await rules.all()) == [tenant]


def _keyless() -> Provider:
    """A rented engine of which the deployment has no key."""
    engine = Provider()
    engine.key = None
    return engine
