"""A time stamp authority by `openssl ts`: root, certificate of its signer, and replies to requests."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
signer_digest = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """Certificates and keys in a folder; `with_chain` embeds the root beside the signer in every token."""

    def __init__(self, folder: Path, name: str, lasts: timedelta = timedelta(days=30), *, with_chain: bool = False):
        folder.mkdir(parents=True)
        self._folder = folder
        self._with_chain = with_chain
        now = datetime.now(UTC)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} root")])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(root_name, root_name, root_key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=3650))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
        self.root = builder.add_extension(identifier, critical=False).sign(root_key, hashes.SHA256())
        builder = x509.CertificateBuilder(root_name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + lasts)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
        self.certificate = builder.add_extension(own, critical=False).sign(root_key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        self.root_pem = self.root.public_bytes(pem)
        (folder / "root.pem").write_bytes(self.root_pem)
        (folder / "signer.pem").write_bytes(self.certificate.public_bytes(pem))
        (folder / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))

    def reply(self, request: bytes) -> bytes:
        """Answer a TimeStampReq with a TimeStampResp."""
        (self._folder / "request.tsq").write_bytes(request)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq"]
        command += ["-signer", "signer.pem", "-inkey", "key.pem", "-out", "reply.tsr"]
        command += ["-chain", "root.pem"] if self._with_chain else []
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, timeout=30)
        return (self._folder / "reply.tsr").read_bytes()

    def is_accepted(self, response: bytes, stamped: bytes) -> bool:
        """Ask `openssl ts -verify`."""
        (self._folder / "asked.tsr").write_bytes(response)
        (self._folder / "asked.data").write_bytes(stamped)
        command = ["openssl", "ts", "-verify", "-in", "asked.tsr", "-data", "asked.data", "-CAfile", "root.pem"]
        return subprocess.run(command, cwd=self._folder, capture_output=True, timeout=30).returncode == 0
