"""Whose certificates are trusted: the system's own, on every system, or those that the environment names."""

from __future__ import annotations

import os

from pyman.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


def trusted(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return whom to trust: the certificates that the environment names, else the system's.

    Raises UsageError where the environment names something that cannot be read.
    """
    import ssl

    chosen = [name for name in ("PYMAN_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
    if chosen[:1] == ["PYMAN_CA_BUNDLE"]:
        chosen = chosen[:1]
    if not chosen:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in chosen:
        path = environ[name]
        try:
            if os.path.isdir(path):
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"{name} names {path}, which holds no certificates: {error.strerror or error}",
                hint=f"correct {name}, or unset it to trust what the system trusts",
            ) from error
    return context
