"""The vocabulary of Croissant 1.0: its context, files, record sets and fields.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entity = dict[str, Any]

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
SPLIT_TYPES = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
_OF_CROISSANT = (
    "citeAs", "column", "extract", "field", "fileObject", "fileProperty", "fileSet", "format", "includes",
    "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated",
    "replace", "samplingRate", "separator", "source", "subField", "transform", "equivalentProperty",
)  # fmt: skip
# The specification wants this context spelled out in every file.
CONTEXT: Entity = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _OF_CROISSANT},
}


def file_object(name: str, *, encoding: str, description: str, sha256: str, size: int | None = None) -> Entity:
    """A file, beside the description or below it."""
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "description": description,
        "contentUrl": name,
        **({} if size is None else {"contentSize": f"{size} B"}),
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def table_records(
    name: str, description: str, *, file: str, types: Mapping[str, str], key: str, references: Mapping[str, str]
) -> Entity:
    """Records read from the columns of a file; `references` says which fields name a record of another set."""
    fields = []
    for column, kind in types.items():
        field = _field(name, column, kind)
        field["source"] = {"fileObject": {"@id": file}, "extract": {"column": column}}
        if column in references:
            field["references"] = {"field": {"@id": references[column]}}
        fields.append(field)
    return _record_set(name, fields, key=key) | {"description": description}


def data_records(name: str, rows: Sequence[Mapping[str, Any]], *, types: Mapping[str, str], kind: str) -> Entity:
    """Records that stand in the description itself: an enumeration, by name."""
    fields = [_field(name, column, of) for column, of in types.items()]
    data = [{f"{name}/{column}": value for column, value in row.items()} for row in rows]
    return _record_set(name, fields, key="name") | {"dataType": kind, "data": data}


def _record_set(name: str, fields: Sequence[Entity], *, key: str) -> Entity:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "key": {"@id": f"{name}/{key}"}, "field": fields}


def _field(record_set: str, name: str, kind: str) -> Entity:
    return {"@type": "cr:Field", "@id": f"{record_set}/{name}", "name": name, "dataType": kind}
