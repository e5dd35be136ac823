"""What an operator can set on the gateway."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.schemas.privacy import Days
from shared.settings import SECRET, Settings

Usd = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$")]
"""An amount of money."""


class OidcSettings(Settings, frozen=True, kw_only=True):
    """Single sign-on by a provider that speaks OpenID Connect."""

    oidc_issuer: Annotated[
        str | None,
        Meta(description="The provider, exactly as it calls itself, as in https://login.example.com/realms/acme; unset: none."),
    ] = None
    oidc_client_id: Annotated[str | None, Meta(description="What the provider calls this installation.")] = None
    oidc_client_secret: Annotated[
        str | None, Meta(description="By which the provider knows this installation; unset for a public client.", extra=SECRET)
    ] = None
    oidc_scopes: Annotated[str, Meta(description="What the provider is asked for.")] = "openid email profile"
    oidc_tenant: Annotated[str, Meta(description="Name of the tenant whose users its people are.")] = "default"
    oidc_tenant_claim: Annotated[
        str | None,
        Meta(description="A claim that holds the tenant's name instead; without one, one stays out."),
    ] = None
    oidc_role_claim: Annotated[
        str | None,
        Meta(description="A claim whose values give the role at each sign-in, as in groups; unset: set here."),
    ] = None
    oidc_roles: Annotated[
        str, Meta(description="Which value gives which role, as in audio-admins=admin,staff=editor; the mightiest counts.")
    ] = ""
    oidc_role: Annotated[
        str,
        Meta(description="The role of those whose claims give none; `none` keeps them out."),
    ] = "viewer"
    oidc_provision: Annotated[
        bool, Meta(description="Whether people of the provider become users when they first come; else they must be invited.")
    ] = False


class GatewaySettings(Settings, frozen=True, kw_only=True):
    """Limits of what the gateway takes, and how patient it is."""

    bootstrap_api_key: Annotated[
        str | None,
        Meta(description="API key to create while the installation has none, as `audio2txt` prints them.", extra=SECRET),
    ] = None
    upload_max_bytes: Annotated[int, Meta(ge=1, description="Largest recording that is taken, in bytes.")] = 5 * 1024**3
    form_max_bytes: Annotated[
        int, Meta(ge=1, description="Largest multipart form of POST /v1/jobs, in bytes; bigger files go through /v1/uploads.")
    ] = 200 * 1024**2
    upload_stall_seconds: Annotated[
        float, Meta(gt=0, description="How long an upload may stand still before it is given up.")
    ] = 30.0
    upload_ttl_hours: Annotated[
        float, Meta(gt=0, description="How long an upload waits for its job, and a running upload may take.")
    ] = 24.0
    direct_uploads: Annotated[
        bool,
        Meta(
            description="Whether clients may send recordings straight to the S3 store, by requests that the gateway signs. "
            "They must be able to reach its endpoint."
        ),
    ] = False
    idempotency_hours: Annotated[float, Meta(gt=0, description="How long an Idempotency-Key is remembered.")] = 24.0
    job_deadline_hours: Annotated[float, Meta(gt=0, description="A job that takes longer than this fails.")] = 24.0
    jobs_at_once: (
        Annotated[
            int, Meta(ge=1, description="Jobs that may be in work at once; the others wait for their turn, tenants in turn.")
        ]
        | None
    ) = None
    tenant_jobs_at_once: (
        Annotated[int, Meta(ge=1, description="Jobs of one tenant that may be in work at once; the others wait.")] | None
    ) = None
    job_waiting_hours: Annotated[
        float, Meta(gt=0, description="A job whose turn has not come for this long fails; its deadline begins with its turn.")
    ] = 168.0
    queued_stall_seconds: Annotated[
        float, Meta(gt=0, description="A queued job without news for this long is announced again.")
    ] = 120.0
    working_stall_seconds: Annotated[
        float, Meta(gt=0, description="A job in work without news for this long is announced again.")
    ] = 600.0
    sweep_seconds: Annotated[float, Meta(gt=0, description="How often stalled, expired and erased things are looked for.")] = (
        15.0
    )
    erasure_settle_seconds: Annotated[
        float,
        Meta(ge=0, description="How long after a job's deletion its files are looked for again, should late work write some."),
    ] = 3600.0
    retention_audio_days: Annotated[
        Days | None,
        Meta(description="Days after a job's end for which its recording is kept, 0 for none; unset keeps it for ever."),
    ] = None
    retention_raw_days: Annotated[Days | None, Meta(description="The same for the engine's unchanged answer.")] = None
    retention_transcript_days: Annotated[Days | None, Meta(description="The same for the transcript.")] = None
    retention_report_days: Annotated[Days | None, Meta(description="The same for the report and its files.")] = None
    retention_record_days: Annotated[
        Days | None, Meta(description="The same for the job itself, and with it everything that is left of it.")
    ] = None
    retention_seconds: Annotated[
        float, Meta(gt=0, description="How often the store is looked through for what is kept no longer.")
    ] = 3600.0
    export_days: Annotated[float, Meta(gt=0, description="Days for which the file of a tenant's export is there.")] = 7.0
    mail_confirm: Annotated[
        bool,
        Meta(
            description="Whether the reader of an address has to confirm it before e-mails are sent there; false only where "
            "whoever has an API key may write to anybody."
        ),
    ] = True
    mail_confirmations_per_day: Annotated[
        int, Meta(ge=1, description="Addresses whose readers are asked to confirm within a day because of one tenant.")
    ] = 100
    keys_per_tenant: Annotated[int, Meta(ge=1, le=10_000, description="API keys of one tenant that may be alive at once.")] = (
        100
    )
    users_per_tenant: Annotated[int, Meta(ge=1, le=100_000, description="Users that one tenant may have.")] = 1000
    session_hours: Annotated[
        float, Meta(gt=0, le=8760, description="After how long a browser has to sign in again, however much it is used.")
    ] = 168.0
    session_idle_hours: Annotated[
        float, Meta(ge=0.1, le=8760, description="After how long without use a browser has to sign in again.")
    ] = 12.0
    trusted_proxies: Annotated[
        str,
        Meta(description="Networks of your proxies, as in 10.1.0.0/16: their X-Forwarded-For says where a request comes from."),
    ] = ""
    rate_reads_per_minute: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="Requests that read (GET, HEAD) which one tenant may make a minute; 0 for any."),
    ] = 12_000
    rate_writes_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Requests that change something, uploads apart; 0 for any number.")
    ] = 6_000
    rate_uploads_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Requests that bring bytes of recordings; 0 for any number.")
    ] = 6_000
    rate_refusals_per_minute: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="Answers 401 (no key, or a wrong one) that one address gets; 0 for any number."),
    ] = 600
    cors_origins: Annotated[
        str,
        Meta(
            description="Sites whose pages may call the API from browsers, as in https://app.example.com; * lets in all, "
            "without cookies."
        ),
    ] = ""
    endpoints_per_tenant: Annotated[
        int, Meta(ge=1, le=10_000, description="Endpoints (webhooks, addresses, chats) that one tenant may have.")
    ] = 200
    vocabularies_per_tenant: Annotated[
        int, Meta(ge=1, le=10_000, description="Vocabularies (sets of terms and replacements) that one tenant may have.")
    ] = 100
    streams_per_tenant: Annotated[
        int, Meta(ge=1, description="Event streams and waiting requests one tenant may hold open on one process.")
    ] = 200
    search_transcripts: Annotated[
        bool,
        Meta(
            description="Whether what was said can be searched for. Then PostgreSQL holds the text of every transcript, beside "
            "the store; false keeps it out, and titles alone are found."
        ),
    ] = True
    llm_job_tokens: Annotated[
        int,
        Meta(ge=0, description="Tokens, prompts and answers, that one report may use of a language model; 0 lets none write."),
    ] = 500_000
    llm_job_usd: Annotated[Usd, Meta(description="What a language model may cost for one report, in USD.")] | None = None
    llm_month_tokens: (
        Annotated[int, Meta(ge=1, description="Tokens that one tenant's reports may use in a calendar month (UTC).")] | None
    ) = None
    llm_month_usd: (
        Annotated[Usd, Meta(description="What one tenant's reports may cost in a calendar month (UTC), in USD.")] | None
    ) = None
