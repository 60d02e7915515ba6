"""The doctor looks at the doors: webhooks, the staff's sign-on service, the certificate, each partner's address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from app.certificates import check_own, ends_at
from app.doctor.finding import FAIL, OK, WARN, Finding
from app.hook_address import hook_address
from app.refusals import system_words
from app.staff_claims import claim_names
from app.staff_keys import published_keys
from connectors import registry
from hub.errors import HubError, TransientError
from hub.settings import Settings

#: before its end a certificate is warned of
_CERTIFICATE_DAYS = 21


def webhooks(settings: Settings) -> Iterator[Finding]:
    """Where they are taken. What is signed is not the address, so a secret of two instances fits both."""
    names: dict[str, list[str]] = {}
    for name in sorted(settings.instances):
        try:
            told = hook_address(settings, name)
            for secret in settings.instances[name].read_webhook_secrets(name):
                names.setdefault(secret, []).append(name)
        except HubError:
            # told as the instance's failure
            continue
        if told is not None and told.secrets:
            yield Finding(OK, f"webhooks {name}", str(told))
    for shared in {tuple(sorted(set(found))) for found in names.values() if len(set(found)) > 1}:
        yield Finding(
            WARN,
            "webhooks",
            f"{' and '.join(shared)} have a secret in common",
            "Agree on one secret for each instance.",
        )


async def sign_on(settings: Settings) -> AsyncIterator[Finding]:
    """The sign-on service, where one is set: asked for its keys, which are everybody's to read."""
    what, issuer = "sign-on service", settings.oidc_issuer
    if not issuer:
        return
    try:
        claim_names(settings)
        names = sorted({kid for kid, _ in await published_keys(settings)})
    except TransientError as exc:
        yield Finding(WARN, what, f"{issuer} gives no keys: {exc.message}", "Check the route: nobody new comes in.")
    except HubError as exc:
        yield Finding(FAIL, what, exc.message, exc.hint)
    except ValueError:
        yield Finding(
            FAIL,
            what,
            f"what answers is not {issuer}",
            "Compare [hub] oidc_issuer, letter by letter, or oidc_jwks_url.",
        )
    else:
        if names:
            yield Finding(OK, what, f"{issuer} signs with {len(names)} key{'s' if len(names) > 1 else ''}")
        else:
            yield Finding(
                FAIL, what, f"{issuer} has no key for {', '.join(settings.oidc_algorithms)}", "Set oidc_algorithms."
            )


def tls(settings: Settings) -> Iterator[Finding]:
    """The certificate, where the hub itself speaks HTTPS."""
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if certificate is None or key is None:
        return
    try:
        check_own(certificate, key)
    except HubError as exc:
        yield Finding(FAIL, "certificate", exc.message, exc.hint)
        return
    ends = ends_at(certificate)
    days = (ends - datetime.now(UTC)).days
    told = f"{certificate} ends on {ends:%Y-%m-%d}"
    level = OK if days >= _CERTIFICATE_DAYS else WARN if days >= 0 else FAIL
    yield Finding(level, "certificate", told, "" if level is OK else "Renew it, then start `serve` anew.")


async def instance(settings: Settings, name: str) -> Finding:
    """Known connector, readable secret, an address that takes connections. Asks the partner nothing."""
    one, what = settings.instances[name], f"instance {name}"
    try:
        registry.connector_class(one.connector)
        one.read_secret(name)
        one.read_webhook_secrets(name)
    except HubError as exc:
        return Finding(FAIL, what, str(exc), exc.hint)
    if one.folder is not None:
        if not one.folder.is_dir():
            return Finding(WARN, what, f"{one.folder} is not there", "Mount the shared folder, or correct `folder`.")
        return Finding(OK, what, f"{one.folder} can be entered")
    if not one.base_url:
        return Finding(FAIL, what, "has no base_url and no folder", f"Set one of them in [instances.{name}].")
    if one.proxy:
        return Finding(OK, what, f"{one.base_url} through {one.proxy}", f"Try `dispute-hub connectors check {name}`.")
    parts = urlsplit(one.base_url)
    try:
        await _connect(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    except OSError as exc:
        return Finding(WARN, what, f"{one.base_url} does not answer: {system_words(exc)}", "Check the route.")
    return Finding(OK, what, f"{one.base_url} takes connections")


async def _connect(host: str, port: int) -> None:
    _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
    writer.close()
