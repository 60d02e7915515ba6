"""Each partner's health as numbers for whoever watches: read from the database when they are asked for."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from hub.desk import utc_now
from hub.reading import connectors
from hub.store.engine import Store

_BREAKER = {"CLOSED": 0, "HALF_OPEN": 1, "OPEN": 2}


class ConnectorGauges:
    """Four gauges with one label, the instance. One that is not known (no pull ever came through) is left out."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, help_text: str) -> Gauge:
            return Gauge(f"hub_connector_{name}", help_text, ["instance"], registry=registry)

        self._breaker = gauge("breaker", "0 closed, 1 half open, 2 open")
        self._lag = gauge("lag_seconds", "Seconds since the latest pull that came to the partner's present")
        self._failures = gauge("consecutive_failures", "Runs that failed since the last success")
        self._paused = gauge("paused", "1 while an operator has it paused")

    async def refresh(self, store: Store) -> None:
        """Read them anew. Raises what the database raises."""
        now = utc_now()
        async with store.read() as connection:
            rows = await connectors.all_of(connection)
        for gauge in (self._breaker, self._lag, self._failures, self._paused):
            gauge.clear()
        for row in rows:
            self._breaker.labels(row.instance).set(_BREAKER.get(row.breaker_state or "CLOSED", 0))
            self._failures.labels(row.instance).set(row.consecutive_failures)
            self._paused.labels(row.instance).set(row.paused_at is not None)
            lag = row.lag_s(now)
            if lag is not None:
                self._lag.labels(row.instance).set(lag)
