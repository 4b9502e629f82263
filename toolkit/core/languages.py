"""Which language a text is in, by its script and by the small words that every sentence needs.

Thirty-two languages, no model: enough to tell that an answer is in another language than its prompt, not
enough for single words, names or code. Words that several languages share count less. Danish and
Norwegian are one, and so are Indonesian and Malay. Method: stop-word counts, as in Grefenstette (1995).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache

WORDS: dict[str, str] = {
    "en": "the and of to is in that for with you are this it on as be was have not from they which can will your at by"
    " or an if has her his he she we but what there when who how all were one two their about my me do into out up more"
    " so no per each than then them these those also its our been would could should last over only any most some",
    "es": "el la de que y en los las un una por con para se del es como su más pero está son también muy puede",
    "fr": "le la les de des et un une est dans pour que qui sur avec pas vous nous au aux ce cette sont être plus",
    "de": "der die das und ist nicht ein eine zu den mit von für auf sich dem des auch werden wird sind oder als wie",
    "it": "il di che la e per un una sono non della è con gli dei nel più come anche alla delle questo essere si",
    "pt": "o a de que e do da em um uma para com não os as dos das é por mais como são você também pode ser ao",
    "nl": "de het een en van is dat niet op te zijn met voor je ook aan er maar om deze worden bij naar wordt",
    "sv": "och att det är en som på för av med den inte till ett har jag om kan du var från eller ska så",
    "da": "og at det er en som på for av af med den ikke til et har jeg om kan du var fra eller skal så der",
    "fi": "ja on ei se että hän ovat mutta kun joka tai myös niin kuin voi ole oli sen tämä mitä jos sekä",
    "pl": "i w na z się nie do to jest że jak o po co dla przez jego są oraz które lub być ale może tym",
    "cs": "a v se na je to že s z do o i k jako za ale by pro jsou není nebo které když má aby také být",
    "ro": "și de în la cu care este pe un o să nu din pentru mai sunt ca sau fi se dar ce au această poate",
    "hu": "a az és hogy nem is egy ez meg de csak van volt már mint el ha vagy azt lehet minden kell",
    "tr": "ve bir bu da de için ile çok olarak daha gibi olan ne var ama kadar sonra değil her veya en ise",
    "id": "yang dan di dengan untuk dari ini itu tidak pada dalam adalah ke akan juga atau saya kami bisa oleh anda",
    "vi": "và của là có trong được một cho không các với những người này để khi đã từ hoặc như bạn về cũng",
    "ru": "и в не на что с по как это для от но из к у за его так они или также может быть если при был была было были"
    " я мы вы он она их её ее мне меня вас вам нас нам этот эта эти этого того чтобы когда уже только очень есть нет"
    " которые который которая после перед между себя бы же ещё еще до потому где чем кто все всё",
    "uk": "і в не на що з та до як це для від але із у за його так вони або також може бути якщо про був була було були"
    " я ми ви він вона їх її мені мене вас вам нас нам цей ця ці цього того щоб коли вже лише дуже є немає"
    " які який яка після перед між себе би ще тому де ніж хто всі все",
    "bg": "и в на да се не за от е с по че като са това до или но при може към също ще които има беше били"
    " аз ние вие той тя те му ги нея мен тези този тази когато вече само много няма който която след преди между"
    " себе си още защото къде кой всички всичко бъде една един едно",
}
SCRIPTS: dict[str, str] = {
    "ja": "\u3040-\u30ff",
    "ko": "\uac00-\ud7af\u1100-\u11ff",
    "zh": "\u4e00-\u9fff\u3400-\u4dbf",
    "ar": "\u0600-\u06ff",
    "he": "\u0590-\u05ff",
    "hi": "\u0900-\u097f",
    "bn": "\u0980-\u09ff",
    "ta": "\u0b80-\u0bff",
    "th": "\u0e00-\u0e7f",
    "el": "\u0370-\u03ff",
    "ka": "\u10a0-\u10ff",
    "hy": "\u0530-\u058f",
}
"""Languages that their letters tell. Arabic stands for all that write with its letters, and Hindi likewise."""
SIGNS = re.compile(r"[=(){}\[\];<>|+*#$_]")
NOISE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\S*(?:://|www\.|@|_|\\|/)\S*|<[^<>]*>", re.DOTALL)
WORD = re.compile(r"[^\W\d_]+")
NEVER = (("ыэё", ("uk", "bg")), ("іїєґ", ("ru", "bg")))
"""Letters of Cyrillic, and the languages that do not have them; most small words are of all three."""
LONGEST = 1500
LEAST_LETTERS = 24


@cache
def _weights() -> dict[str, tuple[tuple[str, float], ...]]:
    """For every word its languages, each with what the word is worth there."""
    owners: dict[str, list[str]] = {}
    for language, words in WORDS.items():
        for word in words.split():
            if len(word) == 1 and word.isascii():  # a variable, a list item, an initial
                continue
            owners.setdefault(word, []).append(language)
    return {word: tuple((each, 1.0 / len(found)) for each in found) for word, found in owners.items()}


@cache
def own_words(language: str) -> tuple[str, ...]:
    """The words of a language that no other one here has, of two letters and more."""
    weights = _weights()
    return tuple(word for word in WORDS.get(language, "").split() if len(word) > 1 and len(weights[word]) == 1)


@cache
def _script(language: str) -> re.Pattern[str]:
    return re.compile(f"[{SCRIPTS[language]}]")


def detect(text: str) -> str:
    """The language of a text as its two-letter code; empty where the text is too short, mixed or unknown."""
    prose = NOISE.sub(" ", text[:LONGEST])
    words = WORD.findall(prose.lower())
    letters = sum(map(len, words))
    found = _by_script(prose, letters)
    if found:
        return found if letters >= LEAST_LETTERS // 3 else ""
    if letters < LEAST_LETTERS or len(words) < 6 or len(SIGNS.findall(prose)) * 10 > letters:  # code or a formula
        return ""
    return _by_words(words)


def holds(text: str, language: str) -> bool:
    """Whether some of the text may be in the language: six of its letters, or two of its small words."""
    if language in SCRIPTS:
        return len(_script(language).findall(text)) >= 6
    own = {word for word, found in _weights().items() if any(name == language for name, _ in found)}
    return len(own & set(WORD.findall(text.lower()))) >= 2


def _by_script(prose: str, letters: int) -> str:
    """The language whose letters are the most, where a third of all letters is of such scripts."""
    if prose.isascii() or not letters:
        return ""
    counts = {language: len(_script(language).findall(prose)) for language in SCRIPTS}
    if counts["ja"] * 8 > counts["zh"]:  # Japanese writes Chinese characters too
        counts["ja"] += counts["zh"]
        counts["zh"] = 0
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] * 3 > letters else ""


def _by_words(words: list[str]) -> str:
    """The language with the most small words: three different ones, a seventh of all, twice as many as the next."""
    weights = _weights()
    scores: dict[str, float] = defaultdict(float)
    kinds: Counter[str] = Counter()
    for word, n in Counter(words).items():
        for language, worth in weights.get(word, ()):
            scores[language] += n * worth
            kinds[language] += 1
    for language in _without("".join(words)):
        scores.pop(language, None)
    if not scores:
        return ""
    ranked = sorted(scores, key=lambda language: (-scores[language], language))
    best, second = ranked[0], scores[ranked[1]] if len(ranked) > 1 else 0.0
    sure = kinds[best] >= 3 and scores[best] * 7 >= len(words) and scores[best] >= 2 * second
    return best if sure else ""


def _without(letters: str) -> tuple[str, ...]:
    """Languages that do not have some of the letters; none where the letters are of several, as in a quotation."""
    if letters.isascii():
        return ()
    found = [languages for some, languages in NEVER if not set(some).isdisjoint(letters)]
    return found[0] if len(found) == 1 else ()
