"""Wheels carry GraphiQL, so that an installed hub serves its page without the internet."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GraphiqlBuildHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Run scripts/build-graphiql for a real wheel; an editable install serves the tree as it is.

        Fails where GraphiQL can be had in no way, unless HUB_WITHOUT_GRAPHIQL=1 says that it may be missing.
        """
        if version == "editable" or os.environ.get("HUB_WITHOUT_GRAPHIQL") == "1":
            return
        root = Path(self.root)
        built = subprocess.run(["bash", root / "scripts" / "build-graphiql"], check=False).returncode == 0
        if not built or not (root / "app" / "static" / "graphiql").is_dir():
            raise RuntimeError(
                "The wheel would lack GraphiQL, which comes from npm"
                + ("" if shutil.which("npm") else " (no npm here: install Node.js)")
                + ". To build a wheel without it: HUB_WITHOUT_GRAPHIQL=1."
            )
