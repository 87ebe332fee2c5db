#!/usr/bin/python3
"""Tests of what makes, trains and judges acloud-tiny. Seconds; needs python3-numpy, the network's tests also gcc and OpenBLAS."""
import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from itertools import islice
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))
try:
    import numpy as np
except ImportError:
    print("SKIPPED: needs python3-numpy")
    sys.exit(77)

from tiny import agent, chat, gguf, grammar, held_out, paraphrases, phrases, tokenizer, values
from tiny.episodes import HEADROOM, Generator
from tiny.network import Network, Shape, available
from tiny.synonyms import SYNONYMS
from tiny.values import Values, held_out as is_held_out
from tiny.world import World

HERE = Path(__file__).parent
TOKENIZER = tokenizer.Tokenizer.load(HERE / "tokenizer.json")


def strings(x):
    """Every template in a structure of phrases."""
    if isinstance(x, str):
        yield x
    else:
        for y in x.values() if isinstance(x, dict) else x:
            yield from strings(y)


def named(episode):
    """False where the right calls name a sandbox that neither the user, the system nor a reply has named."""
    sandbox, told = episode["world"].get("sandbox"), episode["system"] or ""
    for turn in episode["turns"]:
        told += turn["user"]
        for _, arguments, reply in turn["calls"]:
            if arguments.get("id") == sandbox is not None and sandbox not in told:
                return False
            told += reply
    return True


class Oracle:
    """An agent that says what the episode expects, to see whether the judge agrees."""

    def __init__(self, episode):
        self.lines = [line for turn in episode["turns"] for line in
                      [chat.call_text(name, args) for name, args, _ in turn["calls"]] + [chat.answer_text(turn["answer"])]]

    def begin(self, system, tools):
        pass

    def user(self, text):
        pass

    def reply(self, text):
        pass

    def say(self):
        return self.lines.pop(0)


class TokenizerTest(unittest.TestCase):
    def test_gives_back_any_text(self):
        rng = random.Random(1)
        for _ in range(300):
            text = "".join(rng.choice("abcXYZ 019\n\t'\"\\/{}[]:,é中😀\u00a0") for _ in range(rng.randint(0, 60)))
            self.assertEqual(TOKENIZER.decode(TOKENIZER.encode(text)), text)
            self.assertEqual("".join(tokenizer.pieces(text)), text)

    def test_cuts_a_word_the_same_way_everywhere(self):
        drawn = Values(random.Random(2), False)
        for _ in range(200):
            word = drawn.word()
            alone = TOKENIZER.encode(word)
            for around in ("put {} in", "'{}'", '"{}"', "`{}`", "/{}/", '": "{}"}}', "({},", "r['{}']", "{}.csv", "x_{}"):
                before, after = around.split("{}")[0].replace("{{", "{"), around.split("{}")[1].replace("}}", "}")
                self.assertEqual(TOKENIZER.encode(before) + alone + TOKENIZER.encode(after), TOKENIZER.encode(before + word + after), around)

    def test_knows_special_tokens_only_where_they_are_meant(self):
        self.assertEqual(len(TOKENIZER.encode("<|im_end|>")), 1)
        self.assertGreater(len(TOKENIZER.encode("<|im_end|>", special=False)), 1)


class SplitTest(unittest.TestCase):
    def test_training_draws_no_held_out_value(self):
        for held in (False, True):
            drawn = Values(random.Random(3), held)
            self.assertTrue(all(is_held_out(drawn.word().lower()) == held for _ in range(500)))

    def test_sql_takes_every_word_without_quotes(self):
        for word in {*values.pieces(), *values.WORDS, *values.COLUMNS, *values.KEYS} - values.RESERVED:
            with contextlib.closing(sqlite3.connect(":memory:")) as db:
                db.executescript(f"create table {word} ({word}, x); insert into {word} ({word}) values (1)")

    def test_training_draws_no_held_out_phrasing(self):
        class Watched(grammar.Phrases):
            drawn = set()

            def template(self, templates, always=True):
                template = super().template(templates, always)
                if template in grammar.templates_of(tuple(templates))[1]:
                    self.drawn.add(template)
                return template

        generator = Generator(4)
        generator.make.p = Watched(generator.rng, held=False)
        for _ in range(400):
            generator.episode()
        self.assertEqual(Watched.drawn, set())
        generator = Generator(4, held_values=True, held_phrases=True, headroom=0)
        generator.make.p = Watched(generator.rng, held=True)
        for _ in range(400):
            generator.episode()
        self.assertGreater(len(Watched.drawn), 110)

    def test_training_draws_from_every_group(self):
        class Watched(grammar.Phrases):
            drawn = {}

            def synonym(self, name):
                word = super().synonym(name)
                self.drawn.setdefault(name, set()).add(word)
                return word

        generator = Generator(6)
        generator.make.p = Watched(generator.rng, held=False)
        for _ in range(3000):
            generator.episode()
        self.assertEqual(set(Watched.drawn), set(SYNONYMS))
        for name in ("prefix", "suffix"):  # around every request: all of their words come up soon
            trained, _ = grammar.synonyms_of(name)
            self.assertEqual(set(trained) - Watched.drawn[name], set(), name)

    def test_training_draws_no_held_out_synonym(self):
        for held in (False, True):
            drawn = grammar.Phrases(random.Random(3), held, noisy=False)
            for name in SYNONYMS:
                trained, kept = grammar.synonyms_of(name)
                self.assertEqual(bool({drawn.synonym(name) for _ in range(300)} & set(kept)), held and bool(kept), name)
                self.assertTrue(trained)

    def test_training_says_nothing_that_is_held_out(self):
        drawn = grammar.Phrases(random.Random(1), held=False, noisy=False)

        def texts(template):
            for i in range(16):
                aggregate = list(phrases.NOUNS)[i % 4]
                text = drawn.expand(grammar.with_aggregate(template, aggregate))
                yield re.sub(r" +", " ", text).strip(" .?!")

        for templates in paraphrases.TEMPLATES:
            trained, held = grammar.templates_of(templates)
            for mine, theirs in ((trained, held), (held, trained)):
                expressions = [grammar.says(t) for t in mine]
                for text in (text for t in theirs for text in texts(t)):
                    self.assertFalse([e.pattern for e in expressions if e.fullmatch(text)], text)

    def test_a_blur_leaves_what_is_asked_for(self):
        drawn = grammar.Phrases(random.Random(2), held=False)
        before = "would you kindly compute the sum of {col} in {file} where {key} equals {kv}, my friend"
        after = {drawn._blur(before) for _ in range(200)}
        self.assertGreater(len(after), 150)
        for text in after:
            for word in ("sum", "of", "{col}", "in", "{file}", "where", "{key}", "{kv}"):
                self.assertIn(word, text.replace(",", "").split(" "), text)

    def test_every_group_that_is_named_exists(self):
        every = [t for name in vars(phrases) if name.isupper() for t in strings(getattr(phrases, name))]
        every += [t for more in paraphrases.TEMPLATES.values() for t in more] + [t for ts in paraphrases.BELONGS.values() for t in ts]
        self.assertTrue(set(paraphrases.WORDS) <= set(SYNONYMS))
        self.assertGreater(len(every), 500)
        for template in every:
            for group in grammar._GROUP.findall(template):
                self.assertIn(group, SYNONYMS, template)
            self.assertEqual(template.count("("), template.count(")"), template)

    def test_files_are_what_the_generator_makes(self):
        for name in held_out.SETS:
            stored = held_out.read(name)
            self.assertEqual(len(stored), held_out.EPISODES + len(HEADROOM) * held_out.HEADROOM_EPISODES)
            self.assertEqual(list(islice(held_out.make(name), 40)), stored[:40])


class WorldTest(unittest.TestCase):
    def world(self, **data):
        return World({"seed": 1, **data})

    def call(self, world, operation, **arguments):
        return json.loads(world.call(operation, arguments))

    def test_runs_python_over_files(self):
        world = self.world(files={"a.csv": "price,city\n1.5,oslo\n2.5,rome\n4,oslo\n"})
        code = "import csv; v = [float(r['price']) for r in csv.DictReader(open('a.csv')) if r['city'] == 'oslo']; print(sum(v))"
        self.assertEqual(self.call(world, "sandbox_run_code", language="python", code=code)["stdout"], "5.5\n")
        self.assertEqual(self.call(world, "sandbox_exec", command=f'python3 -c "{code}"')["stdout"], "5.5\n")
        missing = self.call(world, "sandbox_run_code", language="python", code="open('b.csv')")
        self.assertEqual((missing["exit_code"], missing["stderr"]), (1, "FileNotFoundError: [Errno 2] No such file or directory: 'b.csv'\n"))

    def test_python_reaches_nothing_else(self):
        for code in ("import os", "().__class__", "open('/etc/passwd')", "open('a', 'w')", "eval('1')", "while True: pass", "9 ** 9 ** 9"):
            self.assertEqual(self.call(self.world(), "sandbox_run_code", language="python", code=code)["exit_code"], 1, code)

    def test_refuses_as_the_cloud_does(self):
        world = self.world(databases={"d": ""})
        for name, arguments, code in (("object_put", {"bucket": "b", "key": "k", "content": "x"}, "not_found"), ("queue_send", {"name": "q", "body": "x"}, "not_found"),
                                      ("database_query", {"name": "d", "sql": "INSERT INTO t VALUES (1)"}, "invalid_argument"), ("object_get", {"bucket": "b"}, "invalid_argument"),
                                      ("sandbox_exec", {"id": "sbx_1", "command": "ls"}, "not_found"), ("nothing", {}, "invalid_argument")):
            self.assertEqual(self.call(world, name, **arguments)["error"]["code"], code, name)

    def test_state_tells_worlds_apart(self):
        one, other = self.world(databases={"d": "create table t (x)"}), self.world(databases={"d": "create table t (x)"})
        self.assertEqual(one.state(), other.state())
        one.call("database_query", {"name": "d", "sql": "INSERT INTO t VALUES (1)"})
        self.assertNotEqual(one.state(), other.state())


    def test_real_replies_have_the_catalogs_fields(self):
        world = self.world(real=True, files={"a.txt": "hi\n"}, buckets={"b": {"k": "v"}}, sandbox="sbx_1", databases={"d": "create table t (x)"}, queues={"q": ["hi"]})
        for operation, arguments, fields in (
                ("sandbox_exec", {"command": "cat a.txt"}, "exit_code stdout stderr stdout_truncated stderr_truncated cpu_s"),
                ("sandbox_run_code", {"code": "print(1)"}, "context results stdout stderr stdout_truncated stderr_truncated results_truncated execution_count"),
                ("sandbox_create", {}, "id state image created idle_timeout_s metadata limits egress"),
                ("sandbox_write_file", {"path": "b.txt", "content": "x"}, "path name type size mode owner modified"),
                ("sandbox_read_file", {"path": "a.txt"}, "content size mode modified"),
                ("object_put", {"bucket": "b", "key": "l", "content": "x"}, "bucket key etag size content_type modified"),
                ("database_query", {"name": "d", "sql": "SELECT * FROM t"}, "columns rows"),
                ("database_query", {"name": "d", "sql": "INSERT INTO t VALUES (1)"}, "columns rows rows_affected"),
                ("object_get", {"bucket": "b", "key": "k"}, "content etag size content_type modified")):
            self.assertEqual(list(self.call(world, operation, **arguments)), fields.split(), operation)
        self.assertEqual(list(self.call(world, "queue_receive", name="q")["items"][0]), ["id", "body", "receipt", "sent", "receives"])
        failed = self.call(world, "sandbox_run_code", code="1 / 0")
        self.assertEqual((failed["error"]["name"], failed["error"]["value"]), ("ZeroDivisionError", "division by zero"))
        failed = self.call(world, "sandbox_exec", command='python3 -c "1 / 0"')
        self.assertEqual(failed["stderr"].split("\n")[-2], "ZeroDivisionError: division by zero")
        self.assertEqual(self.call(world, "object_get", bucket="c", key="k")["error"]["message"], "no bucket c; make it with object.create_bucket")


class EpisodeTest(unittest.TestCase):
    def test_every_sandbox_that_is_used_was_named(self):
        generator = Generator(7)
        episodes = [generator.episode() for _ in range(300)] + [e for name in held_out.SETS for e in held_out.read(name)]
        self.assertEqual([e for e in episodes if not named(e)], [])
        self.assertGreater(sum("sandbox" in e["world"] for e in episodes), 20)
        lost = {**episodes[0], "world": {"sandbox": "sbx_1"}, "system": None, "turns": [{"user": "run ls", "calls": [["sandbox_exec", {"id": "sbx_1", "command": "ls"}, "{}"]], "answer": ""}]}
        self.assertFalse(named(lost))

    def test_the_right_agent_is_right_and_others_are_not(self):
        generator = Generator(5, held_values=True)
        for _ in range(300):
            episode = generator.episode()
            self.assertTrue(agent.perform(Oracle(episode), episode)[0], episode)
            last = episode["turns"][-1]
            wrong = {**episode, "turns": [*episode["turns"][:-1], {**last, "answer": last["answer"] + "!"}]}
            self.assertFalse(agent.perform(Oracle(wrong), episode)[0])
            if any(len(t["calls"]) for t in episode["turns"]):
                idle = {**episode, "turns": [{**t, "calls": []} for t in episode["turns"]]}
                if World(episode["world"]).state() != episode["state"]:
                    self.assertFalse(agent.perform(Oracle(idle), episode)[0])

    def test_broken_calls_end_the_turn(self):
        for text in ("<tool_call>{", "<tool_call>{}</tool_call>", '<tool_call>{"name": "x", "arguments": []}</tool_call>', "a <tool_call>"):
            self.assertEqual(chat.parse(text + "<|im_end|>")[0], "broken")
        self.assertEqual(chat.parse(chat.call_text("a", {"b": 'c"\n'})), ("call", "a", {"b": 'c"\n'}))

    def test_the_template_makes_the_same_text(self):
        try:
            import jinja2
        except ImportError:
            self.skipTest("needs python3-jinja2")
        environment = jinja2.Environment()
        environment.filters["tojson"] = lambda x: json.dumps(x, ensure_ascii=False)
        template = environment.from_string(gguf.TEMPLATE.read_text())
        generator = Generator(6)
        for _ in range(60):
            episode = generator.episode()
            messages = [{"role": "system", "content": episode["system"]}] if episode["system"] else []
            for turn in episode["turns"]:
                messages.append({"role": "user", "content": turn["user"]})
                for name, arguments, reply in turn["calls"]:
                    messages += [{"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": arguments}}]}, {"role": "tool", "content": reply}]
                messages.append({"role": "assistant", "content": turn["answer"]})
            tools = [{"type": "function", "function": {"name": n, "parameters": {"required": a, "properties": {}}}} for n, a in episode["tools"]]
            self.assertEqual(template.render(messages=messages, tools=tools), "".join(text for text, _ in chat.segments(episode)))


@unittest.skipIf(available(), f"the network can't be built here: {available()}")
class NetworkTest(unittest.TestCase):
    def small(self):
        network = Network(Shape(layers=2, width=32, heads=4, kv=2, head=8, ff=48, vocab=64, context=256), longest=200)
        network.initialize(0)
        network.params += np.random.default_rng(1).normal(0, 0.08, network.params.shape).astype(np.float32)
        rng = np.random.default_rng(2)
        tokens, learned = rng.integers(0, 64, 150), rng.random(150) < 0.5
        learned[[0, 70]] = False
        return network, tokens, learned

    def test_gradients_are_the_slopes(self):
        network, tokens, learned = self.small()
        network.step([(tokens, learned)], 1)
        grads, rng = network.grads.copy(), np.random.default_rng(3)
        for name, tensor in network.views(network.params).items():
            direction = rng.normal(size=tensor.shape).astype(np.float32)
            old, far = tensor.copy(), 0.03 / np.sqrt(direction.size)
            tensor[:] = old + far * direction
            up = network.step([(tokens, learned)], 0)
            tensor[:] = old - far * direction
            down = network.step([(tokens, learned)], 0)
            tensor[:] = old
            slope = float((network.views(grads)[name] * direction).sum())
            self.assertAlmostEqual((up - down) / (2 * far), slope, delta=0.02 * abs(slope) + 0.05, msg=name)

    def test_episodes_at_once_are_episodes_one_by_one(self):
        network, tokens, learned = self.small()
        episodes = [(tokens[:70], learned[:70]), (tokens[70:], learned[70:])]
        one_by_one = sum(network.step([e], 1) for e in episodes)
        grads = network.grads.copy()
        network.grads[:] = 0
        self.assertAlmostEqual(network.step(episodes, 1), one_by_one, delta=1e-2)
        np.testing.assert_allclose(network.grads, grads, atol=1e-3)

    def test_products_in_16_bits_are_those_of_rounded_factors(self):
        def rounded(x):
            bits = x.astype(np.float32).view(np.uint32)
            return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)

        # In a process of its own: it stays in 16 bits.
        child = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from tiny.network import in_16_bits, product
rng = np.random.default_rng(1)
cases = [(rng.normal(size=(m, k)).astype("f"), rng.normal(size=(n, k) if t else (k, n)).astype("f"), t)
         for m, n, k, t in ((16, 1, 1, False), (17, 33, 31, True), (64, 192, 512, False), (100, 95, 40, True), (333, 16, 65, False))]
fast = in_16_bits()
np.savez(sys.argv[2], fast=fast, **{f"{i}{x}": y for i, (a, b, t) in enumerate(cases) for x, y in zip("abtc", (a, b, t, product(a, b, t)))})
"""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, "-c", child, str(HERE), f"{folder}/out.npz"], check=True)
            out = np.load(f"{folder}/out.npz")
            for i in range(5):
                a, b, c = (out[f"{i}{x}"] for x in "abc")
                right = b.T if out[f"{i}t"] else b
                if out["fast"]:
                    a, right = rounded(a), rounded(right)
                np.testing.assert_allclose(c, a.astype(float) @ right, atol=1e-4, err_msg=str(i))

    def test_decoding_by_parts_is_decoding_at_once(self):
        network, tokens, _ = self.small()
        at_once = network.logits(tokens).copy()
        network.logits(tokens[:70])
        for i in range(70, 149):
            network.logits(tokens[i:i + 1], i)
        np.testing.assert_allclose(network.logits(tokens[149:], 149), at_once, atol=2e-4)
        self.assertGreater(at_once.std(), 0.1)

    def test_a_file_gives_back_what_was_written(self):
        network = Network(longest=64)
        network.initialize(4)
        with tempfile.TemporaryDirectory() as folder:
            gguf.write(f"{folder}/m.gguf", network, TOKENIZER)
            model = gguf.load(f"{folder}/m.gguf")
        self.assertEqual(model.network.shape, network.shape)
        self.assertEqual(model.tokenizer.tokens, TOKENIZER.tokens)
        np.testing.assert_allclose(model.network.params, network.params, rtol=1e-3, atol=1e-4)

    def test_a_run_that_was_stopped_ends_as_one_that_was_not(self):
        def train(folder, *more):
            command = [sys.executable, HERE / "train", "--folder", folder, "--layers", "1", "--tokens", "1000", "--steps", "4", "--early", "2", *more]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            return np.load(f"{folder}/latest.npz")

        with tempfile.TemporaryDirectory() as folder:
            whole = train(f"{folder}/whole")
            half = train(f"{folder}/parts", "--until", "2")
            self.assertEqual(half["step"], 2)
            parts = train(f"{folder}/parts")
        self.assertGreater(abs(whole["params"] - half["params"]).max(), 0)
        for name in ("params", "momentum", "second"):
            np.testing.assert_array_equal(parts[name], whole[name], name)


if __name__ == "__main__":
    unittest.main()
