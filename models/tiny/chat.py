"""A chat as the model reads it. The same text as chat_template.jinja makes from the messages and tools."""
import json
import re

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tools>", "</tools>", "<|pad_1|>", "<|pad_2|>"]


def system_text(system, tools):
    listed = "\n".join(f"{name}({','.join(args)})" for name, args in tools)
    parts = ([system] if system else []) + ([f"<tools>{listed}</tools>"] if tools else [])
    return f"<|im_start|>system\n{chr(10).join(parts)}<|im_end|>" if parts else ""


def user_text(text):
    return f"<|im_start|>user\n{text}<|im_end|>"


def reply_text(reply):
    return f"<|im_start|>tool\n{reply}<|im_end|>"


OPEN = "<|im_start|>assistant\n"


def call_text(name, arguments):
    return "<tool_call>" + json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False) + "</tool_call><|im_end|>"


def answer_text(answer):
    return answer + "<|im_end|>"


def parse(text):
    """What the model said: ("call", name, arguments), ("answer", text) or ("broken", text)."""
    text = text.removesuffix("<|im_end|>")
    match = re.fullmatch(r"<tool_call>(.*)</tool_call>", text, re.S)
    if not match:
        return ("broken", text) if "<tool_call>" in text else ("answer", text)
    try:
        call = json.loads(match[1])
        if isinstance(call["arguments"], dict):
            return "call", call["name"], call["arguments"]
    except (ValueError, KeyError, TypeError):
        pass
    return "broken", text


def segments(episode):
    """The whole episode as (text, learned) pairs: `learned` parts are the assistant's own."""
    yield system_text(episode["system"], episode["tools"]), False
    for turn in episode["turns"]:
        yield user_text(turn["user"]), False
        for name, arguments, reply in turn["calls"]:
            yield OPEN, False
            yield call_text(name, arguments), True
            yield reply_text(reply), False
        yield OPEN, False
        yield answer_text(turn["answer"]), True
