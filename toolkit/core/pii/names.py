"""Names and addresses, through presidio and a spaCy model: an extra that nobody is made to install."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toolkit.core.errors import Skip
from toolkit.core.pii.spans import Span

TYPES = {"PERSON": "person", "LOCATION": "location"}
Finder = Callable[[Sequence[str]], Iterator[list[Span]]]


def finder(model: str, language: str) -> Finder:
    """A function from texts to the names in each. Cost: one run of the model over every text.

    model: an installed spaCy package or the folder of one. Raises Skip where presidio, spaCy or the
    model is missing: nothing is downloaded.
    """
    for module in ("presidio_analyzer", "spacy"):
        if find_spec(module) is None:
            raise Skip("names need presidio and spaCy: pip install 'finetune-toolkit[names]'")
    if not Path(model).is_dir() and not import_module("spacy").util.is_package(model):
        raise Skip(f"names need the spaCy model {model}: python -m spacy download {model}")
    analyzer = import_module("presidio_analyzer")
    engine = analyzer.BatchAnalyzerEngine(_engine(analyzer, model, language))

    def find(texts: Sequence[str]) -> Iterator[list[Span]]:
        for found in engine.analyze_iterator(texts, language, entities=list(TYPES)):
            yield [Span(each.start, each.end, TYPES[each.entity_type], float(each.score)) for each in found]

    return find


def _engine(analyzer: Any, model: str, language: str) -> Any:
    """presidio's engine with the model's own recogniser alone: structured types are found without it."""
    provider = import_module("presidio_analyzer.nlp_engine").NlpEngineProvider
    models = [{"lang_code": language, "model_name": model}]
    nlp = provider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    recognizer = import_module("presidio_analyzer.predefined_recognizers").SpacyRecognizer
    registry = analyzer.RecognizerRegistry(supported_languages=[language])
    registry.add_recognizer(recognizer(supported_language=language, supported_entities=list(TYPES)))
    return analyzer.AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=[language])
