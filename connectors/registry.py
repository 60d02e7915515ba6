"""Which connectors there are: ours by name, and those installed under the entry-point group of third parties.

Nothing is imported before it is asked for. A name means one product: a plugin cannot replace one of ours, and
two plugins of one name are an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import cast

from connectors.base import Connector, InstanceConfig
from hub.errors import ConfigurationError
from hub.model import RecordName
from hub.vocabulary import CommandKind

GROUP = "dispute_hub.connectors"

#: our own products: name → module:class
PRODUCTS: Mapping[str, str] = MappingProxyType(
    {
        "court": "connectors.court:CourtConnector",
        "hotline": "connectors.hotline:HotlineConnector",
        "petition": "connectors.petition:PetitionConnector",
        "police": "connectors.police:PoliceConnector",
    }
)

#: what a connector class is to the hub: something that one configuration makes a connector of
ConnectorFactory = Callable[[InstanceConfig], Connector]

#: what a class must show before it is configured
_REQUIRED = (
    "product", "agency_kind", "summary", "check", "start_cursor", "pull", "digest", "fetch", "map", "compose",
    "wire_kind", "can_fetch", "acknowledge", "listed", "quoted", "commands", "has_keys", "push", "find",
)  # fmt: skip


def product_names(plugins: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
    """Every registered product, sorted. Raises ConfigurationError where two claim one name."""
    return tuple(sorted({*PRODUCTS, *_plugins(plugins)}))


def connector_class(product: str, plugins: Iterable[EntryPoint] | None = None) -> ConnectorFactory:
    """The class registered as ``product``. Raises ConfigurationError: unknown, not importable, or no connector."""
    target = PRODUCTS.get(product)
    if target is not None:
        module, _, name = target.partition(":")
        found: object = getattr(import_module(module), name)
    else:
        found = _load_plugin(product, plugins)
    missing = [name for name in _REQUIRED if not hasattr(found, name)]
    if missing or not callable(found):
        raise ConfigurationError(
            f"the connector {product} does not keep the contract",
            hint=f"It lacks {', '.join(missing) or 'a constructor'}; see connectors/base.py.",
        )
    if getattr(found, "product", None) != product:
        raise ConfigurationError(
            f"the connector registered as {product} calls itself otherwise",
            hint="Its class attribute `product` and its entry-point name must be equal.",
        )
    return cast(ConnectorFactory, found)


def make_connector(config: InstanceConfig, plugins: Iterable[EntryPoint] | None = None) -> Connector:
    """The connector of one configured instance. Raises ConfigurationError."""
    return connector_class(config.product, plugins)(config)


def _load_plugin(product: str, plugins: Iterable[EntryPoint] | None) -> object:
    found = _plugins(plugins)
    if product not in found:
        raise ConfigurationError(
            f"there is no connector named {product}",
            hint=f"Known: {', '.join(sorted({*PRODUCTS, *found}))}. Others register under {GROUP}.",
        )
    try:
        return found[product].load()
    except Exception as exc:
        raise ConfigurationError(
            f"the connector {product} cannot be loaded ({type(exc).__name__})",
            hint=f"Its package registers {found[product].value}; reinstall or remove it.",
        ) from exc


def _plugins(plugins: Iterable[EntryPoint] | None) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for plugin in entry_points(group=GROUP) if plugins is None else plugins:
        is_same = plugin.name in found and found[plugin.name].value == plugin.value
        if plugin.name in PRODUCTS or (plugin.name in found and not is_same):
            raise ConfigurationError(
                f"two connectors claim the name {plugin.name}",
                hint=f"Remove or rename the one registered as {plugin.value}.",
            )
        found[plugin.name] = plugin
    return found


def quoted_by(products: Iterable[str], county: str) -> Callable[[str], Sequence[RecordName]]:
    """What finds the numbers of these partners' records in a text. Classes are loaded when it is first asked."""
    known: list[ConnectorFactory] = []

    def find(text: str) -> Sequence[RecordName]:
        if not known:
            known.extend(connector_class(product) for product in sorted(set(products)))
        return [name for found in known for name in cast(type[Connector], found).quoted(text, county)]

    return find


def carried_by(product: str) -> frozenset[CommandKind]:
    """What a product's wire carries outward. Raises ConfigurationError."""
    return cast(type[Connector], connector_class(product)).commands
