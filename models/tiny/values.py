"""Values that requests speak of: names, file names, texts, numbers, identifiers.

A tiny model learns to copy only what it has seen copied, so values are as varied as the alphabet. Every
word is on one side of a fixed split: a word with `held_out(word)` never occurs in training as a value,
and the held-out sets use no other.
"""
import json
import zlib
from functools import cache
from pathlib import Path

WORDS = """
amber anchor apple april arrow atlas autumn badger bamboo banner barley basil beacon berry birch bishop
blossom border bottle branch brass bread breeze bridge bronze brook cabin cactus camel canal candle canvas
canyon carbon cargo castle cedar cellar cherry chess circle citrus clover cobalt coffee comet copper coral
cotton crane crater cricket crystal dagger daisy delta desert diamond dolphin donkey dragon drum dune eagle
ember emerald engine falcon feather fern fiddle finch flame flint forest fossil fox frost galaxy garden
garlic garnet ginger glacier goblin granite grape gravel guitar hammer harbor hawk hazel helmet heron hill
honey horizon hornet igloo indigo iris island ivory jacket jade jasmine jungle kettle kite lagoon lantern
lark laurel lava lemon lilac lily lime linen lizard lotus lynx magnet mango maple marble meadow melon
mercury meteor mint mirror monsoon moss motor mountain mustard nectar needle nickel nomad nutmeg oak oasis
ocean olive onion onyx opal orange orchid otter oxygen oyster paddle panda paper parrot pearl pebble pepper
pigeon pilot pine planet plum pocket polar poppy prairie prism puzzle quartz quill rabbit radar rain raven
reef ribbon river robin rocket rose ruby saffron sage salmon sand sapphire saturn shadow silk silver sketch
smoke snow solar spark spice spruce squirrel steam stone storm sugar summer sunset swan tango temple thistle
thunder tiger timber topaz tower trail trumpet tulip tunnel turtle umbrella valley vanilla velvet violet
walnut water whale wheat willow window winter wolf yarrow zebra zinc
""".split()
COLUMNS = """
price amount total cost weight height width score rating age salary profit revenue tax discount quantity
stock units duration distance speed temperature volume balance points visits clicks errors latency hours
fee bonus margin depth length area budget income sales load power voltage pressure level rank votes
""".split()
KEYS = """
region city country team color status type category shop product department month day owner brand
model size grade state zone kind source branch class genre channel season supplier customer
""".split()
FILES = """
sales data orders report results prices stock items log users invoices measurements sensors inventory
payments events staff trips weather scores export input table records survey
""".split()
SYLLABLES = ("ba be bi bo bu da de di do du fa fe fi fo ga ge gi go gu ha he hi ho ja jo ju ka ke ki ko ku la le "
             "li lo lu ma me mi mo mu na ne ni no nu pa pe pi po pu qua que ra re ri ro ru sa se si so su ta te "
             "ti to tu va ve vi vo wa we wi xa xe xi ya yo za ze zi zo zu cha she tho gra blo tri ster len nor "
             "win dal fex mor pyn rit sol").split()
# SQLite's own words, which a table or a column can't have without quotes.
RESERVED = set("""abort action add after all alter always analyze and as asc attach before begin between by cascade case
cast check collate column commit constraint create cross current database default deferrable deferred delete desc detach distinct do drop each
else end escape except exclude exclusive exists explain fail filter first following for foreign from full glob group groups
having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key last left like
limit match natural no not nothing notnull null nulls of offset on or order others outer over partition plan pragma preceding
primary query raise range recursive references regexp reindex release rename replace restrict returning right rollback row
rows savepoint select set table temp then ties to trigger unbounded union unique update using vacuum values view virtual when
where window with without""".split())
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def held_out(word):
    return zlib.crc32(word.encode()) % 5 == 0


@cache
def pieces():
    """The tokens of small letters. One that never occurs in a value is not copied well where it does later."""
    file = Path(__file__).parent.parent / "tokenizer.json"
    if not file.exists():
        return ()
    return tuple(sorted({t for a, b in json.loads(file.read_text())["merges"] if (t := a + b).isascii() and t.isalpha() and t.islower()}))


class Values:
    """Draws values from one side of the split: `held` for evaluation, otherwise for training."""

    def __init__(self, rng, held):
        self.rng, self.held = rng, held

    def _draw(self, make):
        while True:
            word = make()
            if held_out(word.lower()) == self.held and word not in RESERVED:
                return word

    def _of(self, pool):
        return self._draw(lambda: self.rng.choice(pool))

    def word(self):
        rng, roll = self.rng, self.rng.random()
        if not self.held and pieces() and rng.random() < 0.15:
            return self._draw(lambda: "".join(rng.choice(pieces()) for _ in range(rng.choice((1, 1, 2, 2, 3)))))
        if roll < 0.40:
            return self._of(WORDS)
        if roll < 0.75:
            return self._draw(lambda: "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 2, 3, 3, 4)))))
        if roll < 0.92:
            return self._draw(lambda: "".join(rng.choice(LETTERS) for _ in range(rng.randint(3, 8))))
        return self._draw(lambda: rng.choice(WORDS) + rng.choice(SYLLABLES))

    def name(self):
        """A queue or database."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.62:
            return self.word()
        if roll < 0.84:
            return self.word() + rng.choice("-_") + self.word()
        return self.word() + rng.choice(("", "-", "_")) + str(rng.randint(1, 99))

    def bucket(self):
        """3 to 63 of a-z, 0-9, '.' and '-', with a letter or a digit at both ends."""
        while True:
            name = self.name().replace("_", "-")
            if len(name) >= 3:
                return name

    def identifier(self):
        """A name that SQL takes without quotes."""
        return self.word() if self.rng.random() < 0.7 else self.word() + "_" + self.word()

    def _common(self, pool):
        return self._of(pool) if self.rng.random() < 0.5 else self.word()

    def column(self):
        return self._common(COLUMNS) if self.rng.random() < 0.88 else self.word() + "_" + self.word()

    def key_column(self):
        return self._common(KEYS)

    def file(self, ending=None):
        rng = self.rng
        stem = self._common(FILES)
        if rng.random() < 0.25:
            stem += rng.choice(("_", "-")) + (self.word() if rng.random() < 0.6 else str(rng.randint(1, 2030)))
        folder = rng.random()
        if folder < 0.10:
            stem = self.word() + "/" + stem
        elif folder < 0.15:
            stem = rng.choice(("/tmp/", "/home/user/", "/data/", "./")) + stem
        return stem + "." + (ending or rng.choice(("txt", "txt", "log", "md", "csv", "json", "cfg", "dat", "yaml")))

    def key(self):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.4:
            return self.word()
        if roll < 0.7:
            return self.word() + "." + rng.choice(("txt", "json", "md", "csv", "log", "bin", "html"))
        return self.word() + "/" + self.word() + (".txt" if rng.random() < 0.3 else "")

    def number(self):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.35:
            return str(rng.randint(0, 99))
        if roll < 0.7:
            return str(rng.randint(0, 99999))
        return f"{rng.randint(0, 9999)}.{rng.randint(1, 99)}".rstrip("0")

    def text(self, longest=5):
        """A short text without quotes."""
        rng = self.rng
        parts = []
        for _ in range(rng.randint(1, longest)):
            roll = rng.random()
            if roll < 0.78:
                parts.append(self.word())
            elif roll < 0.90:
                parts.append(self.number())
            else:
                parts.append("".join(rng.choice(LETTERS + LETTERS.upper() + "0123456789") for _ in range(rng.randint(1, 6))))
        text = " ".join(parts)
        roll = rng.random()
        if roll < 0.12:
            text = text.capitalize()
        elif roll < 0.16:
            text = text.upper()
        if rng.random() < 0.12:
            text += rng.choice("!?.")
        elif rng.random() < 0.10:
            text = text.replace(" ", rng.choice((", ", ": ", " - ", "=", "/")), 1)
        return text

    def id(self, prefix):
        """acloud's own identifiers have 20 hex digits; half of the time there are shorter ones, which cost less."""
        alphabet, length = "0123456789abcdef", 20
        if self.rng.random() < 0.5:
            alphabet, length = LETTERS + "0123456789", self.rng.choice((4, 6, 8, 10, 12))
        return prefix + "_" + "".join(self.rng.choice(alphabet) for _ in range(length))
