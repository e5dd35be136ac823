"""Codes about uploads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from services.gateway.codes.meaning import Meaning

UploadCode: TypeAlias = Literal[
    "checksum_mismatch",
    "digest_mismatch",
    "direct_uploads_impossible",
    "direct_uploads_off",
    "empty_file",
    "not_audio",
    "offset_mismatch",
    "size_mismatch",
    "tus_version",
    "upload_expired",
    "upload_locked",
    "upload_lost",
    "upload_missing",
    "upload_not_found",
    "upload_taken_over",
    "upload_unfinished",
    "upload_used",
]

UPLOADS: Mapping[str, Meaning] = {
    "upload_not_found": Meaning(
        (404, 422), "There is no upload with this id, or it has expired.", "Check the id, or upload the file again."
    ),
    "upload_used": Meaning(
        409, "The upload has become the job that `job_id` names.", "Use that job; upload the file again for another one."
    ),
    "upload_unfinished": Meaning(
        409, "The upload is still running, or comes another way than this request supposes.", "Wait for its end."
    ),
    "upload_expired": Meaning(
        408,
        "The upload took longer than uploads may, or stood still for ten minutes.",
        "Use a faster line, or a resumable upload.",
    ),
    "upload_missing": Meaning(
        409, "Nothing of a direct upload has arrived in the store yet.", "Make the request that sends the file first."
    ),
    "upload_locked": Meaning(
        423, "Another request is at this upload, and does not end.", "Try again after Retry-After.", ("Retry-After",)
    ),
    "upload_taken_over": Meaning(
        423, "A newer request goes on with this upload.", "Ask for its offset by HEAD before you send more."
    ),
    "upload_lost": Meaning(410, "The store has lost bytes of this upload.", "Begin a new upload."),
    "offset_mismatch": Meaning(
        409,
        "The resumable upload stands at another byte than Upload-Offset says.",
        "Go on at the byte that the answer's Upload-Offset tells.",
        ("Upload-Offset",),
    ),
    "checksum_mismatch": Meaning(
        460, "The bytes do not have the checksum of Upload-Checksum, and are not stored.", "Send the same bytes again."
    ),
    "digest_mismatch": Meaning(422, "The bytes do not have the SHA-256 of Content-Digest.", "Send the file again."),
    "size_mismatch": Meaning(
        422, "The store holds another number of bytes than was announced; they are deleted.", "Begin the direct upload anew."
    ),
    "empty_file": Meaning(422, "The file has no bytes.", "Send a recording."),
    "not_audio": Meaning(415, "The first bytes are not those of a recording.", "Send an audio or video file."),
    "tus_version": Meaning(
        412,
        "Tus-Resumable is missing, or names a version that is not spoken here.",
        "Send `Tus-Resumable: 1.0.0`.",
        ("Tus-Version",),
    ),
    "direct_uploads_off": Meaning(
        404, "This installation takes no direct uploads.", "Use `POST /v1/uploads`; the operator can turn direct uploads on."
    ),
    "direct_uploads_impossible": Meaning(
        404, "This installation keeps recordings in a folder, which takes no direct uploads.", "Use `POST /v1/uploads`."
    ),
}
