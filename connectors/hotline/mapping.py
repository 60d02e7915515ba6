"""What a kept item says in the hub's words: DOMAIN §5.1 and WIRES §4 as a pure function of the item.

Unknown codes become UNKNOWN and are named for the worklist. An item is refused only where it has no identity or no
readable time of its own; no refusal quotes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import InstanceConfig
from connectors.hotline.events import event_facts
from connectors.hotline.orders import order_facts
from connectors.hotline.rows import is_event
from connectors.json_rows import loads
from hub.errors import BadPayloadError
from hub.model import Fact, Item


def facts_of(item: Item, config: InstanceConfig) -> Sequence[Fact]:
    """One part of one record. Raises BadPayloadError, nothing else."""
    try:
        fields = loads(item.body)
    except ValueError as exc:
        raise BadPayloadError("NOT_JSON") from exc
    if not isinstance(fields, dict):
        raise BadPayloadError("NOT_AN_OBJECT")
    return [event_facts(fields) if is_event(fields) else order_facts(fields, item, config)]
