"""Phrases from templates: `(a|b|)` is a choice, `<name>` a group of synonyms, `{slot}` a value.

Which phrasings are held out is decided by a hash of the template or the synonym, before any training: about one
in seven. Training never sees them; the held-out phrasings use held-out templates always where a list has some, and
held-out synonyms half of the time. Training also draws sketches (sketches.py), and blurs words that carry no
meaning, so that it learns to do without them.
"""
import re
import zlib
from functools import cache

from . import fillers, paraphrases, phrases
from .sketches import SKETCHES
from .synonyms import SYNONYMS
from .values import SYLLABLES

FILLERS = fillers.without(paraphrases.TELLING)
SKETCHED, BLURRED = 0.35, 0.45  # how often training takes a list's sketch, and blurs a request

_CHOICE = re.compile(r"\(([^()]*)\)")
_GROUP = re.compile(r"<(\w+)>")


@cache
def split(items):
    """(trained, held out) of a tuple of templates or synonyms."""
    held = [x for x in items if zlib.crc32(x.encode()) % 7 == 5 and x not in paraphrases.SAID_TWICE]
    trained = [x for x in items if x not in held]
    return (trained, held) if trained else (held, [])


@cache
def templates_of(templates):
    """(trained, held out) of a list of phrases.py, a tuple, with its paraphrases."""
    return split(templates + tuple(paraphrases.TEMPLATES.get(templates, ())))


@cache
def synonyms_of(name):
    return split((*SYNONYMS[name], *paraphrases.WORDS.get(name, ())))


def _any_of(words):
    return "(?:" + "|".join(re.escape(w).replace("\\ ", " ") for w in words) + ")"


@cache
def says(template):
    """What a template may say, as an expression: any word of a group, also one that is held out."""
    groups = {**{g: [*SYNONYMS[g], *paraphrases.WORDS.get(g, [])] for g in SYNONYMS},
              "agg": [w for g in phrases.NOUNS for w in SYNONYMS[g] + paraphrases.WORDS[g]], "noun": [w for n in phrases.NOUNS.values() for w in n[1:-1].split("|")]}
    text = re.escape(template.replace("@", "<agg>").replace("#", "<noun>").strip(" .?!"))
    for mark, meant in (("\\(", "(?:"), ("\\)", ")"), ("\\|", "|"), ("\\ ", " ")):
        text = text.replace(mark, meant)
    text = re.sub(r"<(\w+)>", lambda m: _any_of(groups[m[1]]), text)
    return re.compile(_any_of(w.rstrip(" ,:") for w in groups["prefix"]) + "?[ ,:]*" + text + _any_of(groups["suffix"]) + "?")


def with_aggregate(template, aggregate):
    return template.replace("@", f"<{aggregate}>").replace("#", phrases.NOUNS[aggregate])


class Phrases:
    """Draws phrasings; `held` as in values.Values, but for templates and synonyms. `noisy` ones, with slips and
    blurs, are for training."""

    def __init__(self, rng, held, noisy=True):
        self.rng, self.held, self.noisy = rng, held, noisy

    def _side(self, sides, always):
        trained, held = sides
        return self.rng.choice(held if self.held and held and (always or self.rng.random() < 0.5) else trained)

    def template(self, templates, always=True):
        templates = tuple(templates)
        if self.noisy and not self.held and templates in SKETCHES and self.rng.random() < SKETCHED:
            return self._sketch(templates)
        return self._side(templates_of(templates), always)

    def _sketch(self, templates):
        """One of the list's sketches with words between its parts; never what a held-out template can say."""
        rng, held = self.rng, templates_of(templates)[1]
        while True:
            words = lambda _: " ".join(rng.choice(FILLERS) for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 2, 3))))
            sketch = re.sub("~", words, rng.choice(SKETCHES[templates]))
            said = re.sub(r" +", " ", self.expand(with_aggregate(sketch, "sum"))).strip(" .?!")
            if not any(says(t).fullmatch(said) for t in held):
                return sketch

    def synonym(self, name):
        if self.noisy and not self.held and name in paraphrases.VAGUE and self.rng.random() < paraphrases.VAGUE[name]:
            while (words := self._any(name)) in synonyms_of(name)[1]:
                pass
            return words
        return self._side(synonyms_of(name), False)

    def expand(self, template):
        """Resolves choices and groups; slots stay."""
        while True:
            text, n = _GROUP.subn(lambda m: "(" + self.synonym(m[1]) + ")", template)
            text, k = _CHOICE.subn(lambda m: self.rng.choice(m[1].split("|")), text)
            if n + k == 0:
                return text
            template = text

    def draw(self, templates, always=True):
        return self.expand(self.template(templates, always))

    def quote(self, value):
        """People set names in quotes, or don't."""
        roll = self.rng.random()
        if roll < 0.64:
            return value
        mark = "'" if roll < 0.76 else '"' if roll < 0.88 else "`"
        return mark + value + mark

    def finish(self, request, slots):
        """A request as somebody would type it: politeness, case, punctuation, slips; then its values."""
        rng = self.rng
        text = re.sub(r" +", " ", request).strip().replace(" ,", ",").replace(" .", ".").replace(" ?", "?")
        text = re.sub(r"[.?]*([.?])", r"\1", text)
        if rng.random() < 0.32:
            text = self.synonym("prefix") + text
        if rng.random() < 0.22:
            end = text[-1] if text[-1] in ".?!" else ""
            text = text.rstrip(".?!") + self.synonym("suffix") + end
        if rng.random() < 0.55:
            text = text[0].upper() + text[1:]
        if rng.random() < 0.5:
            text = text.rstrip(".?!")
        elif text[-1] not in ".?!}":
            text += "."
        if self.noisy and not self.held and rng.random() < BLURRED:
            text = self._blur(text)
        if self.noisy and rng.random() < 0.10:
            text = self._slip(text)
        # A value that ends the sentence is easier to tell apart without the full stop.
        return re.sub(r"\{(\w+)\}", lambda m: slots[m[1]], re.sub(r"\}\.$", "}", text))

    def _filler(self):
        rng = self.rng
        return rng.choice(FILLERS) if rng.random() < 0.9 else "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3))))

    def chatter(self):
        """Sentences that say nothing to the point, as a system's words may."""
        rng = self.rng
        words = [self._filler() + rng.choice(("", "", "", "", ",", ".")) for _ in range(rng.randint(3, 30))]
        return " ".join(words).rstrip(",.").capitalize() + "."

    def _any(self, name):
        """Some words in the place of a group whose words don't matter."""
        rng = self.rng
        words = " ".join(self._filler() for _ in range(rng.choice((1, 1, 2))))
        if name == "prefix":
            return words + rng.choice((" ", ", ", ": "))
        if name == "suffix":
            whose = rng.choice(("my", "our", "the", "your", "this", "his", "her", "a", "all", "that"))
            how = rng.choice(("for", "for", "for", "before", "after", "by", "until", "during", "at", "on", "without", "because of", "thanks to", "as for", "like"))
            return rng.choice((" ", " ", ", ")) + (f"{how} {whose} {words}" if rng.random() < 0.5 else words)
        return rng.choice((", ", " ", ". ", "; ")) + words if name == "then" else words

    def _blur(self, text):
        """Words of the template that carry no meaning are replaced, left out or joined by others."""
        words = [m for m in re.finditer(r"(?<![\w{}'\"`<>/.-])[A-Za-z]+(?![\w{}'\"`/:.-])", text) if m[0].lower() not in paraphrases.TELLING]
        for m in sorted(self.rng.sample(words, min(len(words), self.rng.choice((1, 1, 2, 2, 3, 4)))), key=lambda m: -m.start()):
            roll = self.rng.random()
            new = self._filler() if roll < 0.6 else "" if roll < 0.8 else m[0] + " " + self._filler()
            text = text[:m.start()] + new + text[m.end():]
        return re.sub(r" +", " ", text).strip()

    def _slip(self, text):
        """One wrong letter in a word of the template, never in a value."""
        words = [m for m in re.finditer(r"(?<![{\w])[a-z]{4,}(?![\w}])", text)]
        if not words:
            return text
        word = self.rng.choice(words)
        i = word.start() + self.rng.randrange(1, len(word[0]) - 1)
        roll = self.rng.random()
        if roll < 0.35:
            return text[:i] + text[i + 1:]
        if roll < 0.7:
            return text[:i] + text[i + 1] + text[i] + text[i + 2:]
        return text[:i] + text[i] + text[i:]
