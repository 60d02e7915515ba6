"""Who may talk to the court: application, signatures, tokens (WIRES.md 1.1, 1.9).

Tokens and signatures live by real time, never by the simulated clock (WIRES.md 0.2).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.sandbox.digests import signature

TOKEN_LIFE_S = 7200
_TOLERANCE_S = 300


@dataclass(frozen=True, slots=True)
class Application:
    """The hub's credentials at the court."""

    app_id: str
    secret: str

    def signs(self, sign: str, sign_type: str, *parts: str) -> bool:
        """``sign`` is ours over appId, secret and ``parts``, in that order, without separators."""
        try:
            expected = signature(self.app_id + self.secret + "".join(parts), sign_type)
        except ValueError:
            return False
        return hmac.compare_digest(expected.encode(), sign.encode())


class Tokens:
    """Tokens issued by one court; several may live at once."""

    def __init__(self, application: Application, clock: Callable[[], float]) -> None:
        self._application, self._clock = application, clock
        self._dies_at: dict[str, float] = {}
        #: seconds by which the partner's transport clock is ahead, where it misbehaves so
        self.skew_s = 0.0

    def issue(self, request: Mapping[str, object]) -> str | None:
        """A fresh token, or None where application, sign or time are wrong."""
        fields = [request.get(name, "") for name in ("appId", "ts", "sign", "signType")]
        if not all(isinstance(field, str) for field in fields):
            return None
        app_id, ts, sign, sign_type = map(str, fields)
        if app_id != self._application.app_id or not self._application.signs(sign, sign_type, ts):
            return None
        now = self._clock() + self.skew_s
        if not ts.isdigit() or abs(int(ts) / 1000 - now) > _TOLERANCE_S:
            return None
        self._dies_at = {token: at for token, at in self._dies_at.items() if at > now}
        token = secrets.token_hex(16)
        self._dies_at[token] = self._clock() + TOKEN_LIFE_S
        return token

    def is_alive(self, token: str) -> bool:
        """Issued less than 7200 s ago and not expired by a fault."""
        return self._dies_at.get(token, 0.0) > self._clock()

    def kill(self, token: str) -> None:
        """The token dies now."""
        self._dies_at.pop(token, None)
