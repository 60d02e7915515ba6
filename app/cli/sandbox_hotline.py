"""``dispute-hub sandbox hotline``: the simulated 12345 hotline, which also tells of events by webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.sandbox_options import AsJson, Data, Keep, Misbehave, Port, Scale, Seed, StopWithStdin

if TYPE_CHECKING:
    from app.cli.sandbox_running import Running
    from connectors.sandbox.hotline import RunningHotline

WebhookUrl = Annotated[
    str | None,
    typer.Option("--webhook-url", metavar="URL", help="Where events are posted; else nobody is told of them."),
]


def hotline(
    port: Port = 0,
    seed: Seed = "7",
    scale: Scale = "1",
    data: Data = None,
    keep: Keep = None,
    misbehave: Misbehave = None,
    webhook_url: WebhookUrl = None,
    resend_factor: Annotated[
        float, typer.Option(min=0, metavar="N", help="Multiplies the waits of 1, 5, 30, 120 and 720 minutes.")
    ] = 1,
    webhook_misbehave: Annotated[
        list[str] | None, typer.Option(metavar="MODE[=TIMES]", help="The same as --misbehave, of webhooks.")
    ] = None,
    as_json: AsJson = False,
    stop_with_stdin: StopWithStdin = False,
) -> None:
    """Run the simulated hotline until Ctrl-C; prints its addresses and the settings to reach it."""
    from collections.abc import Callable

    from app.cli.sandbox_options import faults_of, size_of
    from app.cli.sandbox_running import run_partner
    from connectors.sandbox.faults import MODES
    from connectors.sandbox.hotline import HotlineOptions, start_hotline
    from connectors.sandbox.hotline_hooks import HOOK_MODES
    from hub.errors import UserInputError

    if webhook_url is not None and not webhook_url.startswith(("http://", "https://")):
        raise UserInputError("--webhook-url is an address", hint="e.g. http://127.0.0.1:8000/hooks/hotline")
    size, faults = size_of(scale), faults_of(misbehave, "hotline", MODES)
    hook_faults = faults_of(webhook_misbehave, "hotline's webhooks", HOOK_MODES)

    async def start(progress: Callable[[int, int], None]) -> Running:
        options = HotlineOptions(
            seed=seed, scale=size, port=port, folder=data, keep=keep, misbehave=faults, progress=progress,
            webhook_url=webhook_url, resend_factor=resend_factor, webhook_misbehave=hook_faults,
        )  # fmt: skip
        return _running(await start_hotline(options))

    run_partner("hotline", start, keep=keep, as_json=as_json, stop_with_stdin=stop_with_stdin)


def _running(started: RunningHotline) -> Running:
    from app.cli.sandbox_running import Running

    addresses = {
        "baseUrl": started.base_url, "controlUrl": started.control_url, "appId": started.app_id,
        "secret": started.secret, "webhookAppId": started.webhook_app_id, "webhookSecret": started.webhook_secret,
    }  # fmt: skip
    settings = {
        "connector": "hotline", "base_url": started.base_url, "app_id": started.app_id, "secret": started.secret,
        "agency_code": "620725120000", "agency_name": "山丹县12345政务服务便民热线",
        "live_from": "2024-08-01T00:00:00",
        "webhook_app_id": started.webhook_app_id, "webhook_secrets": [started.webhook_secret],
    }  # fmt: skip
    places = {"hotline": started.base_url, "control": started.control_url}
    return Running("hotline", places, addresses, settings, started.close)
