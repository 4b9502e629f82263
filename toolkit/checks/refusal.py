"""Q01: refusals and model self-descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from toolkit.core.types import Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

SORRY = r"(?:i(?:'|’)?m|i am) (?:very |really |so )?sorry"
START = rf"(?i)^[\s\p{{P}}]*(?:{SORRY}|sorry|unfortunately|i apologi[sz]e)?"
CANNOT = (
    r"i ?(?:can(?:'|’)?t|cannot|can not|am (?:not able|unable)|(?:'|’)?m (?:not able|unable)|won(?:'|’)?t|will not"
    r"|must decline) (?:to )?(?:help|assist|provide|comply|fulfil|fulfill|answer|do that|create|generate|write"
    r"|support|engage|discuss|share)"
)
AI = r"an? (?:ai|artificial intelligence|(?:large )?language model)"
MAKERS = r"(?:openai|anthropic|google|meta|mistral|alibaba|deepseek|microsoft)"
MODELS = r"(?:chatgpt|claude|gemini|bard|llama|qwen)"
FAR, NEAR = "[^.!?。]{0,60}", "[^.!?。]{0,20}"
# German, French, Spanish, Portuguese, Italian, Russian, Chinese, Japanese, Korean.
ELSEWHERE = "|".join(
    (
        rf"(?:es )?tut mir (?:sehr )?leid{FAR}nicht (?:weiter)?(?:helfen|unterstützen|beantworten|nachkommen|erfüllen)",
        rf"(?:je suis (?:vraiment )?)?désolée?{NEAR}je ne (?:peux|suis|saurais){FAR}"
        r"(?:aider|répondre|assister|fournir|accéder|satisfaire|en mesure)",
        rf"(?:lo siento|lo lamento|lamentablemente){NEAR}no puedo {FAR}(?:ayudar|asistir|responder|cumplir)",
        rf"(?:desculpe|sinto muito|lamento|infelizmente){NEAR}não (?:posso|consigo) {FAR}"
        r"(?:ajudar|responder|fornecer|atender|auxiliar)",
        rf"(?:mi dispiace|spiacente|purtroppo){NEAR}non posso {FAR}(?:aiutar|assister|rispondere|fornire|soddisfare)",
        rf"(?:извините|простите|к сожалению){NEAR}я не могу {FAR}(?:помочь|ответить|предоставить|выполнить)",
        rf"(?:很|非常|十分)?(?:抱歉|对不起|對不起|遗憾){NEAR}(?:无法|不能|無法)(?:协助|協助|帮助|幫助|提供|回答|满足|完成|处理)",
        rf"(?:申し訳(?:ありません|ございません)|すみません){FAR}(?:応え|答え|手伝い|対応|提供|回答){NEAR}"
        r"(?:できません|できかねます|いたしかねます)",
        rf"(?:죄송합니다|죄송하지만|미안하지만){FAR}(?:도와드릴|도움을 드릴|답변|제공|응할|처리){NEAR}수 없",
    )
)
AI_ELSEWHERE = (
    r"\bals (?:ki\b|künstliche intelligenz|(?:ki-|großes )?sprachmodell)|\ben tant qu(?:e |'|’)(?:une? )?(?:ia\b"
    r"|intelligence artificielle|modèle de langage)"
    r"|\bcomo (?:una? )?(?:ia\b|inteligencia artificial|modelo de lenguaje)"
    r"|\bcomo (?:uma? )?(?:inteligência artificial|modelo de linguagem)|\bin quanto (?:ia\b|intelligenza artificiale"
    r"|modello linguistico)|как (?:ии|искусственный интеллект|языковая модель)[ ,]"
    r"|作为(?:一个|一名|一款)?(?:人工智能|ai|大?语言模型)|(?:ai|人工知能|言語モデル)(?:アシスタント)?(?:として|なので|であるため)"
)
KINDS: tuple[tuple[str, float, str, str], ...] = (
    ("refusal", 0.9, "the answer refuses", rf"{START}[\s\p{{P}}]*(?:but )?(?:as an? [\w ,-]{{2,40}},? )?{CANNOT}"),
    ("refusal", 0.8, "the answer refuses", rf"(?i)^[\s\p{{P}}]*(?:{ELSEWHERE})"),
    (
        "as-an-ai",
        0.8,
        "the answer speaks of itself as an AI model",
        rf"(?i)\bas {AI}\b|\bi(?:'|’| a)?m (?:just |only )?{AI}\b|\bmy (?:knowledge|training)(?: data)? cut-?off\b"
        rf"|{AI_ELSEWHERE}",
    ),
    (
        "provider-name",
        0.7,
        "the answer names the provider of another model as its maker",
        rf"(?i)\b(?:trained|developed|created|made|built) by {MAKERS}\b|\bi(?:'|’| a)?m {MODELS}\b",
    ),
    (
        "apology",
        0.4,
        "the answer opens with an apology",
        rf"(?i)^[\s\p{{P}}]*(?:{SORRY}|i apologi[sz]e|my apologies)\b",
    ),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A few per cent of refusals among the answers teach a model to refuse what it should do.

    Found, by wording, in the final answer: refusals, sentences such as "as an AI language model",
    another provider's name as the model's maker, and (low score) an apology as the opening. Refusals and
    talk of being an AI are known in English, German, French, Spanish, Portuguese, Italian, Russian,
    Chinese, Japanese and (refusals) Korean. They are review items: a refusal may be what the row is for.

    Missed: refusals in other languages, and evasive answers without the usual words.
    """

    id: ClassVar[str] = "refusal"
    code: ClassVar[str] = "Q01"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("answer",)

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        answers = batch.column("answer")
        rows = batch.column("row").to_numpy()
        seen = np.zeros(len(rows), dtype=bool)
        for kind, score, words, pattern in KINDS:
            hit = cols.matches(answers, pattern) & ~seen
            seen |= hit
            if hit.any():
                yield Findings(rows[hit], score, words, kind, column="answer")
