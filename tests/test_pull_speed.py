"""What a pull costs against raw rows: a slice of ``python -m bench.pull_speed``."""

from __future__ import annotations

from bench.pull_speed import measure


def test_a_pull_and_its_rows_written_raw_are_measured_side_by_side() -> None:
    pulled, raw = measure("court", 0.01)
    assert pulled["items"] >= 30
    # every item leaves an inbox row, a record or an event at least
    assert raw["rows"] > 2 * pulled["items"]
    assert pulled["cpu_s"] > raw["cpu_s"] > 0
    assert 0 < pulled["our_cpu_s"] <= pulled["cpu_s"]
