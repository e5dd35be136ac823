"""Prometheus metrics, named `audio2txt_*`. No label ever holds an id: the number of series stays small."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_DELIVERED = Counter("audio2txt_outbox_delivered_total", "Events the bus has taken.", ["service", "event"])
OUTBOX_FAILED = Counter(
    "audio2txt_outbox_failed_total", "Attempts to hand an event to the bus that failed.", ["service", "event"]
)
OUTBOX_LAG = Gauge("audio2txt_outbox_lag_seconds", "Age of the oldest event that is due.", ["service"])
DEAD_LETTERS = Counter("audio2txt_dead_letters_total", "Events given up; see `audio2txt dead-letters`.", ["service", "event"])

DNS_SECONDS = Histogram(
    "audio2txt_dns_seconds",
    "Time to look up a name that a customer's URL has, by outcome.",
    ["outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

EVENTS_HANDLED = Counter("audio2txt_events_handled_total", "Events taken from a queue, by outcome.", ["queue", "outcome"])
EVENT_SECONDS = Histogram("audio2txt_event_seconds", "Time in the handler.", ["queue"])

HTTP_REQUESTS = Counter("audio2txt_http_requests_total", "Requests answered by the gateway.", ["method", "route", "status"])
HTTP_SECONDS = Histogram("audio2txt_http_seconds", "Time to the start of the answer.", ["method", "route"])
SIGN_INS = Counter("audio2txt_sign_ins_total", "Attempts to sign in with a password, by outcome.", ["outcome"])
UPLOAD_BYTES = Counter("audio2txt_upload_bytes_total", "Bytes of recordings received.")

JOBS = Counter("audio2txt_jobs_total", "Jobs by the state they entered.", ["state"])
TRANSCRIPTIONS = Counter("audio2txt_transcriptions_total", "Transcriptions that ended.", ["engine", "outcome"])
AUDIO_SECONDS = Counter("audio2txt_audio_seconds_total", "Seconds of audio transcribed.", ["engine"])
ENGINE_PAUSED = Gauge("audio2txt_engine_paused", "Accounts whose work rests, by reason.", ["engine", "reason"])
ENGINE_DUPLICATES = Counter("audio2txt_engine_duplicates_total", "Tasks that a provider has taken twice.", ["engine"])
ENGINE_POLLS = Counter("audio2txt_engine_polls_total", "Questions to providers how far a task is.", ["engine", "outcome"])
ENGINE_CALLBACKS = Counter("audio2txt_engine_callbacks_total", "Requests of providers to us.", ["engine", "outcome"])
ARTIFACTS = Counter("audio2txt_artifacts_total", "Artifacts rendered.", ["format", "outcome"])
RENDER_SECONDS = Histogram("audio2txt_render_seconds", "Time to render one artifact.", ["format"])
LLM_REQUESTS = Counter("audio2txt_llm_requests_total", "Prompts to the language model, by what became of them.", ["outcome"])
LLM_TOKENS = Counter("audio2txt_llm_tokens_total", "Tokens as the language model's server counts them.", ["kind"])
LLM_SECONDS = Histogram(
    "audio2txt_llm_seconds",
    "Time from a prompt to its answer, waiting for a turn included.",
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600),
)
DELIVERY_ATTEMPTS = Counter(
    "audio2txt_delivery_attempts_total", "Attempts to tell somebody, by what became of them.", ["kind", "outcome"]
)
DELIVERY_SECONDS = Histogram(
    "audio2txt_delivery_seconds",
    "Time to the receiver's answer.",
    ["kind"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30),
)
DELIVERY_DELAY = Histogram(
    "audio2txt_delivery_start_delay_seconds",
    "Time from when an attempt was due, and its endpoint could be sent to, to its start.",
    ["lane"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
DELIVERY_RUNNING = Gauge("audio2txt_delivery_running", "Attempts under way.", ["lane"])
DELIVERY_OVERFLOW = Gauge("audio2txt_delivery_slow_overflow", "Attempts in the slow lane beyond those that may start in it.")
DELIVERY_CLAIM_SECONDS = Histogram(
    "audio2txt_delivery_claim_seconds", "Time to take what is due.", buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2)
)
DELIVERY_LEASES_LOST = Counter("audio2txt_delivery_leases_lost_total", "Attempts whose result came after their lease.")
DELIVERY_BLOCKED = Counter("audio2txt_delivery_blocked_total", "Attempts that may not be made, by reason.", ["reason"])
DELIVERY_BACKLOG = Gauge(
    "audio2txt_delivery_backlog",
    "Deliveries of all processes that are due, by the lane they wait for; held: by their endpoint's breaker or wish.",
    ["lane", "state"],
)
DELIVERY_OLDEST_DUE = Gauge(
    "audio2txt_delivery_oldest_due_seconds",
    "Seconds since the oldest of them was due and could have been sent; of those held, since it was due.",
    ["lane", "state"],
)
DELIVERY_TENANTS = Gauge("audio2txt_delivery_tenants", "Tenants that this process has lately made attempts for.")
DELIVERY_LARGEST_SHARE = Gauge(
    "audio2txt_delivery_tenant_largest_share",
    "What one of them has at most, from 0 to 1: of the slots in use, and of the slot-seconds lately used.",
    ["of"],
)
ENDPOINTS_ACTIVE = Gauge("audio2txt_endpoints_active", "Endpoints that were sent to within a day and are not switched off.")
ENDPOINTS_OPEN = Gauge("audio2txt_endpoint_breakers_open", "Endpoints whose breaker has opened after failures of their own.")
DELIVERY_LISTENING = Gauge(
    "audio2txt_delivery_listening", "1 while this process hears at once what other notifiers have made for it."
)
HOSTS_UNREACHABLE = Gauge(
    "audio2txt_delivery_hosts_unreachable", "Hosts that this process has not reached several times in a row."
)
DELIVERIES_HELD = Counter(
    "audio2txt_delivery_held_total", "Deliveries that were not attempted because their host was not reached before."
)
ENDPOINTS_DISABLED = Gauge("audio2txt_endpoints_disabled", "Endpoints that are switched off for their failures.")
ENDPOINT_NOTICES = Counter("audio2txt_endpoint_notices_total", "Warnings about endpoints, by what they say.", ["notice"])
MAIL_PAUSED = Gauge("audio2txt_mail_paused", "1 while e-mails wait because of the mail server.")
RETENTION_REMOVED = Counter("audio2txt_retention_removed_total", "Jobs of which a part, or all, was removed.", ["part"])
ERASURES = Counter("audio2txt_erasures_total", "Erasures that were verified and certified.", ["kind"])
RETENTION_UNKNOWN = Gauge("audio2txt_retention_unknown_jobs", "Jobs in the store that the database does not know.")
RETENTION_ROUND = Gauge("audio2txt_retention_verified_timestamp_seconds", "When the store was last looked through.")
PARTITIONS_OWNED = Gauge("audio2txt_delivery_partitions_owned", "Of the 64 parts of endpoints, those this process sends to.")
