"""What operators can set about AssemblyAI."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.settings import SECRET, Settings

_SERVICES = {"us": "https://api.assemblyai.com", "eu": "https://api.eu.assemblyai.com"}


class AssemblyAISettings(Settings, frozen=True, kw_only=True):
    """Whose account, where, and with which models."""

    assemblyai_api_key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Key of the deployment's AssemblyAI account; tenants may bring their own.",
                extra=SECRET,
            ),
        ]
        | None
    ) = None
    assemblyai_region: Annotated[
        str, Meta(pattern="^(us|eu)$", description="Where AssemblyAI works on recordings: us, or eu, which they never leave.")
    ] = "us"
    assemblyai_url: (
        Annotated[
            str, Meta(pattern="^https?://[^/]+$", description="URL of the API in place of the region's, as for the sandbox.")
        ]
        | None
    ) = None
    assemblyai_models: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9.-]+(,[a-z0-9.-]+)*$",
            description="Models in order of preference; the first that knows the language hears the recording.",
        ),
    ] = "universal-3-5-pro,universal-2"
    assemblyai_upload: Annotated[
        str,
        Meta(
            pattern="^(auto|upload|presigned)$",
            description="How recordings get there: upload, a presigned URL of the S3 store, or auto: upload while they fit.",
        ),
    ] = "auto"
    assemblyai_delete: Annotated[
        bool, Meta(description="Delete recording and transcript at AssemblyAI once the answer is stored here.")
    ] = True

    @property
    def service(self) -> str:
        """URL of the API."""
        return self.assemblyai_url or _SERVICES[self.assemblyai_region]

    @property
    def models(self) -> tuple[str, ...]:
        """The models, the best one first."""
        return tuple(self.assemblyai_models.split(","))
