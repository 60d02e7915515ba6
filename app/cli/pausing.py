"""A partner that an operator paused is asked by nobody, unless a person says so at that moment."""

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
