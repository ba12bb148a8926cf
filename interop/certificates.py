"""Certificates of the suite, made when it runs: two authorities, servers, clients, a revocation."""

import datetime
import os
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

DAY = datetime.timedelta(days=1)


class Certificates:
    """PEM files by name: `NAME.pem` has the chain, `NAME.key` the key.

    `ca` and `other-ca` are the authorities. From `ca` come the servers `localhost` (also
    127.0.0.1), `a.example.test`, `wild` (*.example.test, RSA) and `expired`, and the clients
    `alice`, `mallory` (revoked in `ca.crl`) and `old` (expired). `stranger` is of `other-ca`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._ca, self._other = trustme.CA(), trustme.CA()
        self._ca.cert_pem.write_to_path(self.path("ca.pem"))
        self._other.cert_pem.write_to_path(self.path("other-ca.pem"))
        past = {"not_before": _now() - 30 * DAY, "not_after": _now() - DAY}
        self._issue("localhost", "localhost", "127.0.0.1")
        self._issue("a.example.test", "a.example.test")
        self._issue("wild", "*.example.test", key_type=trustme.KeyType.RSA)
        self._issue("expired", "localhost", **past)
        self._issue("alice", "alice@example.test")
        self._issue("old", "old@example.test", **past)
        revoked = self._issue("mallory", "mallory@example.test")
        self._issue("stranger", "alice@example.test", authority=self._other)
        self._revoke(revoked)

    def path(self, name: str) -> str:
        """The path of a file."""
        return str(self.folder / name)

    def pair(self, name: str) -> tuple[str, str]:
        """The paths of a certificate chain and its key."""
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def trust(self, client: str | None = None) -> ssl.SSLContext:
        """Trust in `ca`, with a client's certificate if one is named."""
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        if client:
            context.load_cert_chain(*self.pair(client))
        return context

    def _issue(self, name: str, *identities: str, authority=None, **options) -> x509.Certificate:
        issued = (authority or self._ca).issue_cert(*identities, **options)
        chain, key = self.pair(name)
        Path(chain).write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        os.chmod(key, 0o600)
        return x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes())

    def _revoke(self, certificate: x509.Certificate) -> None:
        ca = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        revoked = x509.RevokedCertificateBuilder(certificate.serial_number, _now() - DAY)
        identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        crl = (
            x509.CertificateRevocationListBuilder(ca.subject, _now() - DAY, _now() + DAY)
            .add_revoked_certificate(revoked.build())
            .add_extension(x509.CRLNumber(1), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False
            )
            .sign(key, hashes.SHA256())
        )
        Path(self.path("ca.crl")).write_bytes(crl.public_bytes(serialization.Encoding.PEM))


async def certificates(rig) -> Certificates:
    """The suite's certificates; to be asked for by `rig.shared`."""
    return Certificates(rig.folder / "certificates")


async def trust(rig, client: str | None = None) -> ssl.SSLContext:
    """Trust in the suite's authority, with a client's certificate if one is named."""
    return (await rig.shared(certificates)).trust(client)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
