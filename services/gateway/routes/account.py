"""`/v1/account`, `/v1/webhook-secret`: who asks."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get
from msgspec import Meta

from services.gateway.audit import Action
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission, Role
from services.gateway.quotas.enforcing import PlanStanding
from services.gateway.quotas.refusals import MINUTE_MS, next_month
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.store.accounts import ByKey, ByUser, Principal
from services.gateway.store.allowances import Amount, Ceiling
from services.gateway.store.plans import Feature, Plan
from services.gateway.views import Id, Time
from shared.signing import webhook_secret


class TenantView(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data this is."""

    id: Id
    name: Annotated[str, Meta(examples=["default"], description="The tenant's name.")]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """The key that made the request."""

    id: Id
    name: Annotated[str, Meta(description="What it is for.", examples=["The archive's importer"])]
    hint: Annotated[str, Meta(description="How it begins and ends.", examples=["a2t_live_…x7Qp"])]
    role: Annotated[Role, Meta(description="What it may do in the tenant.", examples=["editor"])]
    permissions: Annotated[tuple[Permission, ...], Meta(description="What it may do, role and scopes together.")]
    created_at: Time
    expires_at: Annotated[Time | None, Meta(description="When it ends; null is never.")]


class AccountUserView(msgspec.Struct, frozen=True, kw_only=True):
    """The user who made the request."""

    id: Id
    name: Annotated[str, Meta(description="What people call them.", examples=["Chen Yu"])]
    email: Annotated[str, Meta(examples=["chen@example.com"])]
    role: Annotated[Role, Meta(description="What they are in the tenant.", examples=["editor"])]
    permissions: Annotated[tuple[Permission, ...], Meta(description="What they may do.")]
    expires_at: Annotated[Time | None, Meta(description="When the token or session ends; null for a password.")]


class LlmMonthView(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant's reports ask of language models in this calendar month (UTC)."""

    tokens: Annotated[int, Meta(ge=0, description="Used, or allowed for reports that are not there yet.", examples=[48211])]
    tokens_limit: Annotated[int | None, Meta(description="The most; null for no limit.", examples=[5000000])]
    cost_usd: Annotated[str, Meta(description="Used or allowed, in USD.", examples=["1.25"])]
    cost_usd_limit: Annotated[str | None, Meta(description="The most; null for no limit.", examples=["20"])]


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant may use, and what it has used. A limit that is null does not exist."""

    name: Annotated[str | None, Meta(description="The plan; null where nothing is limited.", examples=["small"])]
    minutes: Annotated[
        float,
        Meta(ge=0, description="Of audio in this calendar month (UTC): used, or held for jobs at work.", examples=[598.5]),
    ]
    minutes_limit: Annotated[int | None, Meta(examples=[600])]
    resets_at: Annotated[Time, Meta(description="When the next month begins.")]
    storage_bytes: Annotated[int, Meta(ge=0, description="Of recordings, those that are announced among them.")]
    storage_bytes_limit: Annotated[int | None, Meta(examples=[20000000000])]
    concurrent_jobs_limit: Annotated[int | None, Meta(description="Jobs at work at once; the others wait.", examples=[4])]
    waiting_jobs_limit: Annotated[int | None, Meta(examples=[50])]
    features: Annotated[tuple[Feature, ...], Meta(description="Those that the plan has.", examples=[["redaction"]])]


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes this request."""

    tenant: TenantView
    key: Annotated[KeyView | None, Meta(description="The key; null where a user asks.")]
    user: Annotated[AccountUserView | None, Meta(description="The user; null where a key asks.")]
    llm_month: LlmMonthView
    plan: PlanView


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    """The secret webhooks are signed with, after Standard Webhooks."""

    secret: Annotated[str, Meta(description="`whsec_` and base64.", examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


@get(
    "/account",
    opt=Operation(
        needs=Permission.ACCOUNT_READ,
        summary="Who am I",
        tag="Account",
        answers={200: Answer(description="Tenant, key or user, plan and what is used of it.", content=AccountView)},
    ).opt,
)
async def get_account(request: ApiRequest, gateway: Api) -> Response[AccountView]:
    """The tenant, and the key or the user that the request was made with; its plan, and what of it is used; what reports may
    yet ask of language models."""
    used = await gateway.allowances.this_month(request.user.tenant_id)
    standing = await gateway.quotas.standing(request.user.tenant_id)
    return Response(_view(request.user, used, gateway.allowances.month, standing))


@get(
    "/webhook-secret",
    opt=Operation(
        needs=Permission.SECRETS_READ,
        summary="Show the webhook secret",
        tag="Account",
        answers={200: Answer(description="The tenant's secret.", content=SecretView)},
        kept=False,
    ).opt,
)
async def get_webhook_secret(request: ApiRequest, gateway: Api) -> Response[SecretView]:
    """What to verify `webhook-signature` with, after Standard Webhooks; any of its libraries takes it as it is."""
    tenant_id = request.user.tenant_id
    gateway.audit.read(Action.SECRET_READ, tenant_id, tenant_id)
    secret = SecretView(secret=webhook_secret(gateway.secret_key, tenant_id))
    return Response(secret, headers={"Cache-Control": "no-store"})


def _view(principal: Principal, used: Amount, limit: Ceiling, standing: PlanStanding) -> AccountView:
    """The maker of a request."""
    by, permissions = principal.by, tuple(sorted(principal.permissions))
    return AccountView(
        tenant=TenantView(id=principal.tenant_id, name=principal.tenant_name),
        key=_key(by, principal.role, permissions) if isinstance(by, ByKey) else None,
        user=_user(by, principal.role, permissions) if isinstance(by, ByUser) else None,
        llm_month=LlmMonthView(
            tokens=used.tokens,
            tokens_limit=limit.tokens,
            cost_usd=f"{used.cost_usd:f}",
            cost_usd_limit=None if limit.cost_usd is None else f"{limit.cost_usd:f}",
        ),
        plan=_plan(standing),
    )


def _plan(standing: PlanStanding) -> PlanView:
    plan = standing.plan or Plan(name="")
    return PlanView(
        name=plan.name or None,
        minutes=round(standing.used_ms / MINUTE_MS, 1),
        minutes_limit=plan.minutes_per_month,
        resets_at=next_month(standing.month),
        storage_bytes=standing.stored_bytes,
        storage_bytes_limit=plan.storage_bytes,
        concurrent_jobs_limit=plan.concurrent_jobs,
        waiting_jobs_limit=plan.waiting_jobs,
        features=tuple(feature for feature in Feature if plan.has(feature)),
    )


def _key(by: ByKey, role: Role, permissions: tuple[Permission, ...]) -> KeyView:
    return KeyView(
        id=by.id,
        name=by.name,
        hint=by.hint,
        role=role,
        permissions=permissions,
        created_at=by.created_at,
        expires_at=by.expires_at,
    )


def _user(by: ByUser, role: Role, permissions: tuple[Permission, ...]) -> AccountUserView:
    return AccountUserView(id=by.id, name=by.name, email=by.email, role=role, permissions=permissions, expires_at=by.expires_at)
