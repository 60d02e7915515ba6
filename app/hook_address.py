"""Which instances take webhooks, and the address to give to their partners."""

from __future__ import annotations

from dataclasses import dataclass

from connectors import registry
from connectors.base import WebhookConnector
from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class HookAddress:
    """Where an instance's webhooks are posted, seen from this machine."""

    address: str
    #: how many secrets are alive; 0: every webhook is refused
    secrets: int

    def __str__(self) -> str:
        if not self.secrets:
            return "takes no webhooks: webhook_secret_files is not set"
        return f"takes webhooks at {self.address}, {self.secrets} {'secret' if self.secrets == 1 else 'secrets'} alive"


def hook_address(settings: Settings, name: str) -> HookAddress | None:
    """None where the connector knows no webhooks. Raises ConfigurationError where a secret cannot be read."""
    one = settings.instance(name)
    product = registry.connector_class(one.connector)
    if not (isinstance(product, type) and issubclass(product, WebhookConnector)):
        return None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return HookAddress(f"http://{host}:{settings.port}/hooks/{name}", len(one.read_webhook_secrets(name)))
