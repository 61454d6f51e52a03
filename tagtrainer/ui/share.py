"""A public link through Gradio's tunnel to a port that is already being served. Must not decide who may use it."""

from __future__ import annotations

import logging
import secrets
from urllib.parse import urlsplit

from tagtrainer.core.text import UserError

log = logging.getLogger(__name__)


def open_tunnel(port: int) -> tuple[str, str]:
    """(public address, its host name). UserError server.no_share: no network, a blocked download, a full service."""
    from gradio import networking

    try:
        address = networking.setup_tunnel(
            local_host="127.0.0.1",
            local_port=port,
            share_token=secrets.token_urlsafe(32),
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except Exception as error:  # a download, a subprocess and a foreign service: whatever fails, the app goes on
        log.exception("no share link")
        raise UserError("server.no_share", reason=error) from error
    return address, urlsplit(address).hostname or ""
