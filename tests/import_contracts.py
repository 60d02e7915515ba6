"""A contract for import-linter: what a part may know, where its own kinds of contract say what it may not.

A list of what is forbidden is out of date with the next module; this one stays true.
"""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """Of the packages `within`, the `sources` import themselves and the `allowed` modules, and nothing else.

    `sources` may have wildcards (`connectors.*` = each one by itself), less those in `but_not`. All are taken with
    what is below them. Imports are judged one by one: what an allowed module imports is its own affair.
    """

    type_name = "only"

    sources = fields.SetField(subfield=fields.ModuleExpressionField())
    but_not = fields.SetField(subfield=fields.StringField(), required=False, default=set())
    within = fields.SetField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = [
            f"{importer} -> {imported}"
            for source in sorted(self._sources_in(graph))
            for importer in sorted({source, *graph.find_descendants(source)})
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if _is_below(imported, self.within) and not _is_below(imported, {source, *self.allowed})
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["broken"]:
            output.print_error(line, bold=False)

    def _sources_in(self, graph: ImportGraph) -> set[str]:
        found: set[str] = set()
        for expression in self.sources:
            matching = graph.find_matching_modules(str(expression))
            if not matching:
                raise ValueError(f"contract '{self.name}': there is no module {expression}")
            found |= matching
        return found - self.but_not


def _is_below(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
