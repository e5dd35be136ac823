"""The files that e-mails carry, against a mail server on real sockets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from services.notifier.channels import Answer
from shared.blobs import BlobStore, artifact_key
from shared.blobs.file import FileBlobs
from shared.schemas.jobs import ArtifactState, FileFormat
from shared.schemas.webhooks import WebhookArtifact
from tests.channels import JOB, TENANT, told
from tests.mailing import CHEN, body, channel, mail_server, plain


class TestAttachments:
    """Files that go along, where the installation, the endpoint and the scenario all want it."""

    async def test_the_scenarios_files(self, tmp_path: Path) -> None:
        """PDF before DOCX, as `meeting_minutes` says, named after the recording; what it does not name stays away."""
        files = {"minutes.pdf": b"%PDF-1.7", "minutes.docx": b"PK", "minutes.txt": b"text"}
        mail, _ = await self._mail(tmp_path, files)
        attached = list(mail.iter_attachments())
        assert [(part.get_filename(), part.get_content()) for part in attached] == [
            ("週會：預算與人事 - minutes.pdf", b"%PDF-1.7"),
            ("週會：預算與人事 - minutes.docx", b"PK"),
        ]
        assert attached[0].get_content_type() == "application/pdf"
        assert "已附上" in body(mail, "html")

    async def test_what_does_not_fit_is_linked(self, tmp_path: Path) -> None:
        """And the mail does not claim to carry it."""
        files = {"a.pdf": b"x" * 50, "b.docx": b"y" * 60}
        mail, _ = await self._mail(tmp_path, files, AUDIO2TXT_MAIL_ATTACHMENT_BYTES="100")
        assert [part.get_filename() for part in mail.iter_attachments()] == ["週會：預算與人事 - a.pdf"]
        assert body(mail, "html").count("已附上") == 1

    async def test_other_files_than_the_message_spoke_of_stay_away(self, tmp_path: Path) -> None:
        """Somebody edited the transcript meanwhile, and the file was made anew."""
        blobs = await FileBlobs.open(tmp_path / "blobs")
        artifact = await kept(blobs, "a.pdf", b"before")
        await blobs.put(artifact_key(TENANT, JOB, 1, "a.pdf"), b"after!")
        mail, _ = await self._mail(tmp_path, {}, artifacts=(artifact,))
        assert not list(mail.iter_attachments())

    async def test_not_without_the_installations_word(self, tmp_path: Path) -> None:
        """Text leaves the house only where the operator says so."""
        mail, _ = await self._mail(tmp_path, {"a.pdf": b"x"}, AUDIO2TXT_MAIL_ALLOW_ATTACHMENTS="false")
        assert not list(mail.iter_attachments())

    async def test_not_without_the_endpoints_word(self, tmp_path: Path) -> None:
        """Nor to those who do not want files."""
        mail, _ = await self._mail(tmp_path, {"a.pdf": b"x"}, attach=False)
        assert not list(mail.iter_attachments())

    async def _mail(
        self,
        folder: Path,
        files: dict[str, bytes],
        *,
        attach: bool = True,
        artifacts: tuple[WebhookArtifact, ...] = (),
        **environment: str,
    ) -> tuple[Any, Answer]:
        blobs = await FileBlobs.open(folder / "blobs")
        artifacts += tuple([await kept(blobs, name, data) for name, data in files.items()])
        variables = {"AUDIO2TXT_MAIL_ALLOW_ATTACHMENTS": "true", **environment}
        async with mail_server() as server, channel(plain(server), blobs, **variables) as email:
            answer = await email.send(told(artifacts=artifacts), msgspec.structs.replace(CHEN, attach=attach))
        return server.mails[0], answer


async def kept(blobs: BlobStore, name: str, data: bytes) -> WebhookArtifact:
    """A file of the job, where the reporter leaves it."""
    await blobs.put(artifact_key(TENANT, JOB, 1, name), data)
    digest = hashlib.sha256(data).hexdigest()
    format_ = FileFormat(name.rpartition(".")[2])
    return WebhookArtifact(name=name, format=format_, state=ArtifactState.READY, size=len(data), sha256=digest)
