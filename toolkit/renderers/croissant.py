"""The report as Croissant metadata: the files of the split with their hashes, in the vocabulary of MLCommons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.report import Part, Report
from toolkit.renderers.card import licence
from toolkit.renderers.words import escaped_json, visible

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
FIELDS = {
    "messages": ("messages",),
    "sharegpt": ("conversations",),
    "alpaca": ("instruction", "output"),
    "prompt-completion": ("prompt", "completion"),
    "preference": ("chosen", "rejected"),
    "unpaired-preference": ("prompt", "completion", "label"),
    "text": ("text",),
    "text-label": ("text", "label"),
}
"""The keys that every row of a format has; a row may have more, and name them otherwise."""


@dataclass(frozen=True, slots=True)
class Croissant:
    """croissant.json, version 1.0 of the format: distribution and record sets of the split, one for each file.

    Addresses are the names of the files beside it. A licence is there when one was given.
    """

    id: ClassVar[str] = "croissant"
    suffix: ClassVar[str] = "json"
    version: ClassVar[int] = 1

    def render(self, report: Report) -> str:
        told: dict[str, Any] = {
            "@context": CONTEXT,
            "@type": "sc:Dataset",
            "name": visible(report.name)[:200],
            "description": f"{report.kept:,} {report.format} rows for fine-tuning; readiness: {report.verdict}.",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "version": "1.0.0",
            "datePublished": report.created[:10],
            "distribution": [_file(part) for part in report.parts],
            "recordSet": [_records(part, report.format) for part in report.parts],
        }
        if terms := licence(report):
            told["license"] = terms
        return escaped_json(json.dumps(told, indent=1, ensure_ascii=False)) + "\n"


def _file(part: Part) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": part.file,
        "name": part.file,
        "description": f"{part.rows:,} rows of {part.name}",
        "contentUrl": part.file,
        "encodingFormat": "application/jsonlines",
        "sha256": part.sha256,
    }


def _records(part: Part, row_format: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": part.name,
        "name": part.name,
        "field": [_field(part, name) for name in FIELDS.get(row_format, ())],
    }


def _field(part: Part, name: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{part.name}/{name}",
        "name": name,
        "dataType": "sc:Text",
        "source": {"fileObject": {"@id": part.file}, "extract": {"column": name}},
    }
