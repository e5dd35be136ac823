"""Codes about jobs, what is asked of them, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

JobCode: TypeAlias = Literal[
    "artifact_failed",
    "artifact_not_found",
    "batch_not_found",
    "audio_removed",
    "duplicate_recording",
    "edit_impossible",
    "events_forgotten",
    "engine_forbidden",
    "engine_key_missing",
    "feature_not_supported",
    "file_missing",
    "file_too_large",
    "idempotency_key_reused",
    "input_missing",
    "input_not_valid",
    "input_too_long",
    "job_changed",
    "job_erased",
    "job_final",
    "job_not_completed",
    "job_not_final",
    "job_not_found",
    "job_revising",
    "language_not_supported",
    "llm_budget_spent",
    "llm_not_offered",
    "mode_not_available",
    "nothing_changed",
    "nothing_to_retry",
    "raw_removed",
    "recording_unknown",
    "redaction_not_supported",
    "report_not_ready",
    "report_removed",
    "revision_not_found",
    "source_ambiguous",
    "source_missing",
    "term_too_long",
    "too_many_files",
    "too_many_terms",
    "transcript_changed",
    "transcript_not_found",
    "transcript_not_ready",
    "transcript_removed",
    "unknown_engine",
    "unknown_input",
    "unknown_language",
    "unknown_solution",
]

JOBS: Mapping[str, Meaning] = {
    "job_not_found": Meaning(404, "There is no job with this id; it may have been deleted.", "Check the id."),
    "batch_not_found": Meaning(
        404, "There is no batch with this id.", "Check the id; `GET /v1/batches` lists those there are."
    ),
    "job_final": Meaning(409, "The job has ended, and cannot be cancelled any more.", "Delete it, if it is not wanted."),
    "job_not_final": Meaning(409, "The job is still at work.", "Wait for its end, or cancel it first."),
    "job_not_completed": Meaning(409, "Only the transcript of a completed job can be edited.", "Wait until it is completed."),
    "job_revising": Meaning(409, "The files of the edited transcript are being made.", "Wait for their end."),
    "job_changed": Meaning(
        (409, 412), "The job changed meanwhile, or is another than If-Match says.", "Look at it, and ask again."
    ),
    "job_erased": Meaning(410, "The job that this Idempotency-Key made was deleted.", "Use a new key for a new job."),
    "idempotency_key_reused": Meaning(
        422, "The Idempotency-Key was used for a different request; `job_id` names its job.", "Use a new key for a new request."
    ),
    "duplicate_recording": Meaning(
        409,
        "There is a job of the same recording, which `job_id` names, and `duplicates=refuse` was asked for.",
        "Use that job, or ask with `duplicates=allow`.",
    ),
    "recording_unknown": Meaning(
        422, "Duplicates can be told of uploads only, not of what lies at a URL.", "Upload the file, or leave `duplicates` out."
    ),
    "nothing_to_retry": Meaning(
        409, "The job is completed and has all that it was asked for.", "Ask for other formats, another engine or solution."
    ),
    "source_missing": Meaning(422, "The job has no recording.", "Give `upload_id` or `audio_url`."),
    "source_ambiguous": Meaning(422, "The job has two recordings.", "Give one of `upload_id`, `audio_url` and a file."),
    "file_missing": Meaning(422, "The form has no part named `file`.", "Add the recording under this name."),
    "too_many_files": Meaning(422, "The form has more than one file.", "Make one job for each."),
    "unknown_language": Meaning(422, "The language is none we know.", "Use a BCP-47 tag such as en, zh-Hant or yue, or auto."),
    "unknown_solution": Meaning((404, 422), "There is no such solution.", "Use one of those that `GET /v1/solutions` lists."),
    "unknown_engine": Meaning(
        422, "There is no such speech engine, or the tenant may not use it.", "Use one of those that `GET /v1/engines` lists."
    ),
    "engine_forbidden": Meaning(
        422, "The tenant's audio may not leave the house, as it would to this engine.", "Use one of `engines`, or none."
    ),
    "engine_key_missing": Meaning(
        422, "Nobody has stored a key for this engine.", "Use one of `engines`, or ask the operator to store a key."
    ),
    "unknown_input": Meaning(422, "The solution has no such input.", "Leave it out; `GET /v1/solutions` lists the inputs."),
    "input_missing": Meaning(422, "The solution needs an input that was not given.", "Give it in `inputs`."),
    "input_too_long": Meaning(422, "An input has more characters than it may.", "Shorten it."),
    "input_not_valid": Meaning(422, "An input is not a number or a date as it has to be.", "Write it as `detail` shows."),
    "mode_not_available": Meaning(
        422, "The report cannot be written in the mode that was asked for.", "Use a mode of the solution, or leave it out."
    ),
    "llm_not_offered": Meaning(
        422, "No language model writes reports on this installation.", "Ask for `extractive`, or leave `report_mode` out."
    ),
    "llm_budget_spent": Meaning(
        422, "The tenant's reports have used what language models may cost in a month.", "Ask for `extractive`, or wait."
    ),
    "feature_not_supported": Meaning(
        422, "The engine cannot do something that the job asks for.", "Use one of `engines`, or leave the feature out."
    ),
    "language_not_supported": Meaning(422, "The engine does not understand the language.", "Use one of `engines`, or `auto`."),
    "redaction_not_supported": Meaning(
        422, "The engine cannot remove what the job wants removed.", "Use one of `engines`, or fewer categories."
    ),
    "too_many_terms": Meaning(422, "The engine takes fewer key terms.", "Give fewer; `GET /v1/engines` says how many."),
    "term_too_long": Meaning(422, "A key term has more words than the engine takes.", "Shorten it."),
    "file_too_large": Meaning(422, "The recording is larger than the engine takes.", "Use one of `engines`, or send less."),
    "transcript_not_ready": Meaning(404, "The job has no transcript yet.", "Wait until it is `reporting` or `completed`."),
    "transcript_not_found": Meaning(404, "There is no transcript of this run.", "Ask without `run` for the newest."),
    "transcript_changed": Meaning(
        412, "The transcript was edited since the revision that If-Match names.", "Fetch it again, and repeat the edit."
    ),
    "revision_not_found": Meaning(404, "The transcript has no such revision.", "`GET …/transcript/revisions` lists them."),
    "nothing_changed": Meaning(422, "Everything is already as the edit wants it.", "Nothing needs to be done."),
    "edit_impossible": Meaning(422, "An edit names something that is not there; nothing was changed.", "See `errors`."),
    "report_not_ready": Meaning(404, "The job has no report (yet).", "Wait until it is `completed`."),
    "artifact_not_found": Meaning(404, "The job has no artifact of this name.", "`GET …/artifacts` lists them."),
    "artifact_failed": Meaning(404, "The artifact could not be rendered.", "Retry the job; `detail` has the reason."),
    "audio_removed": Meaning(410, "The job's recording is no longer kept.", "Upload it again for a new job."),
    "raw_removed": Meaning(410, "The engine's answer is no longer kept.", "Retry with another engine, or make a new job."),
    "transcript_removed": Meaning(410, "The job's transcript is no longer kept.", "Make a new job of the recording."),
    "report_removed": Meaning(410, "The job's report and files are no longer kept.", "Retry the job for new ones."),
    "events_forgotten": Meaning(
        410, "What happened since Last-Event-ID is not known any more.", "Follow anew, without it and with `snapshot=true`."
    ),
}
