"""Byte-level BPE with 1,024 tokens, cut so that a word is cut the same way wherever it stands.

Merges stay within runs of letters or of punctuation; none joins a space, a quote or a slash to a word, and
digits stand alone. A model this small copies a name token by token, which works only if the name has the
same tokens in the request and in the call. In a GGUF file this is tokenizer `gpt2` with the pre-tokenizer
`ufakzeka`: Qwen2's without the English contractions, which would cut `'data.csv'` after the `d`.
"""
import json
import re
import unicodedata
from collections import Counter, defaultdict
from functools import lru_cache

from .chat import SPECIAL

SIZE = 1024


def _byte_letters():
    """GPT-2's printable letter for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}


BYTES = _byte_letters()
LETTER_BYTES = {letter: byte for byte, letter in BYTES.items()}


@lru_cache(1 << 12)
def _kind(c):
    if c.isspace():
        return "s"
    major = unicodedata.category(c)[0]
    return {"L": "l", "N": "n"}.get(major, "p")


def pieces(text):
    r"""The pre-tokenizer: [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} | ?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+"""
    i, n = 0, len(text)
    kinds = [_kind(c) for c in text]
    while i < n:
        j = i
        if kinds[i] != "l" and kinds[i] != "n" and text[i] not in "\r\n" and i + 1 < n and kinds[i + 1] == "l":
            j = i + 1
        if kinds[j] == "l":
            while j < n and kinds[j] == "l":
                j += 1
        elif kinds[i] == "n":
            j = i + 1
        else:
            j = i + 1 if text[i] == " " and i + 1 < n and kinds[i + 1] == "p" else i
            if kinds[j] == "p":
                while j < n and kinds[j] == "p":
                    j += 1
                while j < n and text[j] in "\r\n":
                    j += 1
            else:
                j = i
                while j < n and kinds[j] == "s":
                    j += 1
                line = max(text.rfind("\n", i, j), text.rfind("\r", i, j))
                if line >= 0:
                    j = line + 1
                elif j < n and j - i > 1:
                    j -= 1
        yield text[i:j]
        i = j


def train(texts, size=SIZE, least=20):
    """Merges by frequency, within letters or within punctuation. Runs seen less than `least` times, which are
    made-up names, don't count: the vocabulary is for the words that come again."""
    words = Counter()
    for text in texts:
        for piece in pieces(re.sub("|".join(map(re.escape, SPECIAL)), "\n", text)):
            for run in re.findall(r"[a-zA-Z]{2,}|[^\w\s]{2,}", piece):
                words["".join(BYTES[b] for b in run.encode())] += 1
    words = Counter({w: n for w, n in words.items() if n >= least})
    parts = {w: list(w) for w in words}
    merges = []
    while len(merges) < size - 256 - len(SPECIAL):
        pairs = defaultdict(int)
        for w, p in parts.items():
            for pair in zip(p, p[1:]):
                pairs[pair] += words[w]
        if not pairs:
            raise ValueError(f"only {len(merges)} merges in this text")
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for w, p in parts.items():
            if best[0] in p:
                parts[w] = _merge(p, best)
    return merges


def _merge(parts, pair):
    out, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.tokens = [BYTES[b] for b in range(256)] + [a + b for a, b in self.merges] + SPECIAL
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.ranks = {m: i for i, m in enumerate(self.merges)}
        self.end = self.ids["<|im_end|>"]
        self._special = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")
        self._piece = lru_cache(1 << 16)(self._cut)

    @classmethod
    def load(cls, path):
        with open(path) as f:
            return cls(json.load(f)["merges"])

    def save(self, path):
        with open(path, "w") as f:
            json.dump({"merges": self.merges}, f, ensure_ascii=False, separators=(",", ":"))

    def _cut(self, piece):
        parts = [BYTES[b] for b in piece.encode()]
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, SIZE))
            if best not in self.ranks:
                break
            parts = _merge(parts, best)
        return [self.ids[p] for p in parts]

    def encode(self, text, special=True):
        """REQUIRES: `special` only for text whose special tokens are meant; a user's text has none."""
        out = []
        for part in self._special.split(text) if special else [text]:
            if special and part in self.ids and part in SPECIAL:
                out.append(self.ids[part])
            else:
                for piece in pieces(part):
                    out += self._piece(piece)
        return out

    def decode(self, ids):
        raw = bytearray()
        for i in ids:
            token = self.tokens[i]
            raw += token.encode() if token in SPECIAL else bytes(LETTER_BYTES[c] for c in token)
        return raw.decode("utf-8", "replace")
