"""The model as an agent in a world: what it does with an episode's requests, decoding greedily."""
import json
import os
import urllib.error
import urllib.request

from . import chat
from .world import TOOLS, World

CALLS = 9      # a turn with more calls than this has lost its way
LONGEST = 320  # tokens of one reply


class Model:
    """A network with its tokenizer, decoding with what it has taken in kept."""

    def __init__(self, network, tokenizer):
        self.network, self.tokenizer = network, tokenizer
        self.tokens, self.held = [], 0

    def begin(self, system, tools):
        self.tokens, self.held = self.tokenizer.encode(chat.system_text(system, tools)), 0

    def user(self, text):
        self.tokens += self.tokenizer.encode(chat.user_text(text))

    def reply(self, text):
        self.tokens += self.tokenizer.encode(chat.reply_text(text))

    def say(self):
        """What the model says next, or None where the context is full."""
        self.tokens += self.tokenizer.encode(chat.OPEN)
        room = self.network.longest - len(self.tokens) - 1
        if room < 2:
            return None
        out = self.network.greedy(self.tokens[self.held:], self.held, self.tokenizer.end, min(LONGEST, room))
        # The last token has not been taken in yet.
        self.tokens += out
        self.held = len(self.tokens) - 1
        return self.tokenizer.decode(out)


class Served:
    """A model behind /v1/chat/completions of a server, as any client reaches it: its template, its parser. The
    key is the environment's ACLOUD_API_KEY, if a key is needed."""

    def __init__(self, url, name):
        self.url, self.name = url.rstrip("/") + "/v1/chat/completions", name

    def begin(self, system, tools):
        self.messages = [{"role": "system", "content": system}] if system else []
        # What the list leaves out of a tool that is known is optional.
        self.tools = [{"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": {a: {"type": "string"} for a in {**dict.fromkeys(args), **dict.fromkeys(TOOLS.get(name, ()))}}, "required": args}}}
            for name, args in tools]
        self.call = None

    def user(self, text):
        self.messages.append({"role": "user", "content": text})

    def reply(self, text):
        self.messages.append({"role": "tool", "tool_call_id": self.call, "content": text})

    def say(self):
        body = {"model": self.name, "messages": self.messages, "temperature": 0, "max_tokens": LONGEST, **({"tools": self.tools} if self.tools else {})}
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("ACLOUD_API_KEY", "")}
        request = urllib.request.Request(self.url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as got:
                message = json.load(got)["choices"][0]["message"]
        except urllib.error.HTTPError as e:
            if e.code != 400:
                raise
            return None  # such as a full context
        self.messages.append(message)
        if not message.get("tool_calls"):
            return chat.answer_text(message["content"] or "")
        self.call, function = message["tool_calls"][0]["id"], message["tool_calls"][0]["function"]
        try:
            return chat.call_text(function["name"], json.loads(function["arguments"]))
        except ValueError:
            return "<tool_call>" + function["arguments"]


def perform(model, episode, world=None, state=None):
    """Plays the episode in `world`, its own if none is given. Gives (right, what was said): right if every answer is
    the expected one, word for word, and the world is left as it should be: in `state`, its own if none is given."""
    said, right = [], True
    spoken = world.spoken if world else lambda text: text
    world = world or World(episode["world"])
    model.begin(episode["system"] and spoken(episode["system"]), episode["tools"])
    listed = {name for name, _ in episode["tools"]}
    for turn in episode["turns"]:
        model.user(spoken(turn["user"]))
        answer = None
        for _ in range(CALLS + 1):
            text = model.say()
            said.append(text)
            what = chat.parse(text) if text is not None else ("broken", "")
            if what[0] != "call":
                answer = what[1] if what[0] == "answer" else None
                break
            reply = world.call(what[1], what[2]) if what[1] in listed else '{"error":{"code":"not_found","message":"no such tool"}}'
            model.reply(reply)
        if answer != spoken(turn["answer"]):
            right = False
            break
    return right and world.state() == (state or episode["state"]), said
