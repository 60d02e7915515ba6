"""Who is asked by a command: a paused partner is asked by nobody, one whose breaker is open only by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.wiring import Hub


async def awake(hub: Hub, named: str | None, even_paused: bool | None = None) -> list[str]:
    """The named instance, or all that are not paused; ``even_paused``: paused ones too, None where that is no choice.

    Says which it leaves out. Raises UserInputError where the named one is paused or not configured.
    """
    from app import jobs
    from app.cli.output import note
    from hub.errors import UserInputError

    names = []
    for name in hub.instances(named):
        reason = await jobs.pause_reason(hub, name)
        if reason is None:
            names.append(name)
            continue
        told = f"{name} is paused" + (f" ({reason})" if reason else "")
        if even_paused:
            note(f"{told}; it is asked all the same")
            names.append(name)
        elif named is None:
            note(f"{told}; left out")
        else:
            hint = f"`dispute-hub connectors resume {name}` lets it go on."
            if even_paused is not None:
                hint = f"--even-paused asks it all the same; {hint}"
            raise UserInputError(told, hint=hint)
    return names


async def answering(hub: Hub, names: list[str], named: str | None) -> list[str]:
    """Of these the ones that may be asked: one that is left alone after failures is asked by name only, and says so."""
    from app.cli.output import clock, note
    from sync_jobs.breaker import breaker_of

    asked = []
    for name in names:
        found = await breaker_of(hub.store, name)
        if not found.holds_back(hub.desk.clock()):
            asked.append(name)
            continue
        told = f"{name} failed ({found.reason_kind}) and is left alone until {clock(found.until)}"
        if named is None:
            note(f"{told}; left out, `dispute-hub sync {name}` asks it all the same")
        else:
            note(f"{told}; asked all the same because you named it")
            asked.append(name)
    return asked
