"""A map expansion file: records by token, polygons and lines by the nodes they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from jaxtyping import Float
from numpy import ndarray
from pydantic_core import from_json
from shapely import Polygon

from everroad.scenario.checks import check_positions
from everroad.scenario.files import read_bytes
from everroad.scenario.nuscenes.map_cuts import polygons_of

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(\.\d{1,4})?")
# Tokens are looked up in these together: a centreline is named by the token of its lane, of whichever layer.
_TOKENS_OF = (
    ("node",), ("polygon",), ("line",), ("lane", "lane_connector"), ("drivable_area",), ("ped_crossing",), ("walkway",),
    ("stop_line",), ("lane_divider",), ("road_divider",),
)  # fmt: skip


class MapRecords:
    """What one ``maps/expansion/<location>.json`` holds. Raises ``ValueError`` with the file for what is no such map."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            content = from_json(read_bytes(path), cache_strings="keys")
        except ValueError as error:
            if str(error).startswith(str(path)):
                raise
            raise ValueError(f"{path}: expected JSON, got '{error}'; copy the map again or pass --without-map") from None
        if not isinstance(content, dict):
            raise self.refused("the file", "a JSON object of layers", content)
        self._content: dict[str, Any] = content
        self._check_version()
        for layers in _TOKENS_OF:
            self._check_tokens(layers)
        self._polygons = self._by_token("polygon")
        self._lines = self._by_token("line")
        nodes = self.layer("node") or []
        try:
            self._node_row = {node["token"]: row for row, node in enumerate(nodes)}
            self._node_m = np.array([(node["x"], node["y"]) for node in nodes], dtype=np.float64).reshape(-1, 2)
            check_positions("node", self._node_m)
        except (KeyError, TypeError, ValueError) as error:
            raise self.refused("node", "token, x and y of every record", error) from None

    def refused(self, where: str, wanted: str, got: object) -> ValueError:
        """The error for a map that is not as it should be."""
        shown = str(got) if len(str(got)) <= 60 else f"{str(got)[:57]}..."
        return ValueError(f"{self._path}: {where}: expected {wanted}, got {shown!r}; mend the map or pass --without-map")

    def layer(self, name: str) -> list[dict[str, Any]] | None:
        """The records of a layer, ``None`` where the file does not have it."""
        records = self._content.get(name)
        if records is not None and not (isinstance(records, list) and all(isinstance(record, dict) for record in records)):
            raise self.refused(f"layer '{name}'", "a list of records", records)
        return records

    def table(self, name: str) -> dict[str, Any]:
        """A layer that is keyed by token, empty where the file does not have it."""
        records = self._content.get(name, {})
        if not isinstance(records, dict):
            raise self.refused(f"layer '{name}'", "an object", records)
        return records

    def text(self, layer: str, record: dict[str, Any], field: str) -> str:
        """A field that is a text."""
        value = record.get(field)
        if not isinstance(value, str):
            raise self.refused(f"{layer} '{record.get('token')}', field '{field}'", "a text", value)
        return value

    def polygons(self, layer: str, record: dict[str, Any], token: Any) -> list[Polygon]:
        """The polygon of that token in the data set's global frame. One that crosses itself becomes the parts that it encloses.

        None for one of fewer than three nodes.
        """
        stored = self._found(self._polygons, "polygon", layer, record, token)
        exterior_m = self._nodes_m("polygon", token, stored.get("exterior_node_tokens"))
        holes = stored.get("holes", [])
        if not (isinstance(holes, list) and all(isinstance(hole, dict) for hole in holes)):
            raise self.refused(f"polygon '{token}', field 'holes'", "a list of records", holes)
        holes_m = [self._nodes_m("polygon", token, hole.get("node_tokens")) for hole in holes]
        if len(exterior_m) < 3:
            return []
        polygon = Polygon(exterior_m, [hole_m for hole_m in holes_m if len(hole_m) >= 3])
        return polygons_of(polygon if polygon.is_valid else shapely.make_valid(polygon))

    def line(self, layer: str, record: dict[str, Any]) -> tuple[list[str], Float[ndarray, "p 2"]]:
        """The node tokens of a record's line, and their places in the data set's global frame."""
        token = self.text(layer, record, "line_token")
        stored = self._found(self._lines, "line", layer, record, token)
        return stored.get("node_tokens") or [], self._nodes_m("line", token, stored.get("node_tokens"))

    def _by_token(self, name: str) -> dict[str, dict[str, Any]]:
        return {record["token"]: record for record in self.layer(name) or []}

    def _check_version(self) -> None:
        """Raises ``ValueError`` for a version before 1.3, which the devkit refuses, too, and for another first number."""
        version = self._content.get("version")
        numbers = _VERSION.fullmatch(version) if isinstance(version, str) else None
        if numbers is None or int(numbers[1]) != 1 or int(numbers[2]) < 3:
            wanted = "version 1.3 of the map expansion or a later 1.x"
            got = "none" if version is None else f"{str(version)[:60]!r}"
            raise ValueError(f"{self._path}: expected {wanted}, got {got}; get that one or pass --without-map")

    def _check_tokens(self, layers: Sequence[str]) -> None:
        """Raises ``ValueError`` for a token that comes twice in these layers."""
        known: set[str] = set()
        for layer in layers:
            for number, record in enumerate(self.layer(layer) or []):
                token = record.get("token")
                if not isinstance(token, str):
                    raise self.refused(f"{layer}, record {number}, field 'token'", "a text", token)
                if token in known:
                    raise self.refused(f"{layer}, record {number}, field 'token'", "every token once", f"{token} again")
                known.add(token)

    def _found(self, records: dict[str, Any], kind: str, layer: str, record: dict[str, Any], token: Any) -> dict[str, Any]:
        if not isinstance(token, str) or token not in records:
            raise self.refused(f"{layer} '{record.get('token')}'", f"a token of {kind}", token)
        return records[token]

    def _nodes_m(self, kind: str, token: str, nodes: Any) -> Float[ndarray, "p 2"]:
        if not (isinstance(nodes, list) and all(isinstance(node, str) for node in nodes)):
            raise self.refused(f"{kind} '{token}'", "a list of node tokens", nodes)
        rows = [self._node_row.get(node, -1) for node in nodes]
        if -1 in rows:
            raise self.refused(f"{kind} '{token}'", "tokens of node", nodes[rows.index(-1)])
        return self._node_m[np.array(rows, dtype=np.int64)]
