"""A webhook that came in: proved genuine, then kept in one transaction with its nonce. Nothing is mapped here.

What was kept before changes nothing: a partner that was not answered in time sends the same again under a new nonce.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.base import Connector, Received, WebhookConnector
from hub import nonces
from hub.desk import Desk
from hub.errors import AuthError, NotFoundError
from hub.inbox import keep_page

#: under which origin a webhook's items are kept
ORIGIN = "WEBHOOK"


async def keep_webhook(desk: Desk, connector: Connector, headers: Mapping[str, str], body: bytes) -> Received:
    """Keep a webhook whole; it is on the disk when this returns. The caller bounds the body.

    Raises AuthError where it is not genuine or its nonce is known (the message begins with a code), NotFoundError
    where the connector takes none.
    """
    if not isinstance(connector, WebhookConnector):
        raise NotFoundError(f"{connector.product} takes no webhooks")
    received = connector.receive(headers, body, desk.clock())
    instance = connector.config.name
    async with desk.store.write() as tx:
        if not await nonces.take(tx, desk, instance, received.nonce):
            raise AuthError("REPLAYED: this very webhook was taken before", hint="A further attempt needs a new nonce.")
        await keep_page(tx, desk, instance=instance, run_id="", origin=ORIGIN, items=received.items)
    return received
