"""The two held-out sets, as files. They were drawn and committed before the training.

values.jsonl: values and words that training never uses, in phrasings that it does.
phrasings.jsonl: such values in templates and synonyms that training never uses.
Each ends with episodes of the families that are left under-trained; they are counted apart.
"""
import json
import random
from pathlib import Path

from .episodes import HEADROOM, Generator

FOLDER = Path(__file__).parent.parent / "held_out"
SETS = {"values": False, "phrasings": True}
EPISODES, HEADROOM_EPISODES = 600, 30


def make(name):
    generator = Generator(f"held out {name}", held_values=True, held_phrases=SETS[name], noisy=False, headroom=0)
    yield from (generator.episode() for _ in range(EPISODES))
    for family in HEADROOM:
        for _ in range(HEADROOM_EPISODES):
            generator.rng = generator.make.rng
            yield generator.episode(generator.under_trained(family))


def read(name):
    with open(FOLDER / f"{name}.jsonl") as f:
        return [json.loads(line) for line in f]


def write():
    for name in SETS:
        with open(FOLDER / f"{name}.jsonl", "w") as f:
            for episode in make(name):
                f.write(json.dumps(episode, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    write()
