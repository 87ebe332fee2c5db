"""The model file: GGUF version 3, as ggml's documentation defines it. Writing, and reading what was written."""
import struct
from pathlib import Path

import numpy as np

from .agent import Model
from .chat import SPECIAL
from .network import Network, Shape
from .tokenizer import Tokenizer

U32, F32, BOOL, STRING, ARRAY, I32, F64 = 4, 6, 7, 8, 9, 5, 12
ALIGN = 32
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
TEMPLATE = Path(__file__).parent.parent / "chat_template.jinja"


def _string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(kind, value):
    if kind == ARRAY:
        element, items = value
        return struct.pack("<IQ", element, len(items)) + b"".join(_value(element, x) for x in items)
    return _string(value) if kind == STRING else struct.pack({U32: "<I", I32: "<i", F32: "<f", F64: "<d", BOOL: "<?"}[kind], value)


def _token_type(token):
    if token not in SPECIAL:
        return NORMAL
    if token.startswith("<|pad"):
        return UNUSED
    return CONTROL if token.startswith("<|") else USER_DEFINED


def _metadata(shape, tokenizer):
    a = "qwen3."
    return [
        ("general.architecture", STRING, "qwen3"), ("general.type", STRING, "model"), ("general.name", STRING, "acloud-tiny"),
        ("general.description", STRING, "Calls the tools of acloud's own catalog. A demonstration model with a narrow domain."),
        ("general.file_type", U32, 1), (a + "block_count", U32, shape.layers), (a + "context_length", U32, shape.context), (a + "embedding_length", U32, shape.width),
        (a + "feed_forward_length", U32, shape.ff), (a + "attention.head_count", U32, shape.heads), (a + "attention.head_count_kv", U32, shape.kv),
        (a + "attention.key_length", U32, shape.head), (a + "attention.value_length", U32, shape.head), (a + "attention.layer_norm_rms_epsilon", F32, 1e-6),
        (a + "rope.freq_base", F32, shape.base), ("tokenizer.ggml.model", STRING, "gpt2"), ("tokenizer.ggml.pre", STRING, "ufakzeka"),
        ("tokenizer.ggml.tokens", ARRAY, (STRING, tokenizer.tokens)), ("tokenizer.ggml.token_type", ARRAY, (I32, [_token_type(t) for t in tokenizer.tokens])),
        ("tokenizer.ggml.merges", ARRAY, (STRING, [f"{x} {y}" for x, y in tokenizer.merges])), ("tokenizer.ggml.bos_token_id", U32, tokenizer.ids["<|endoftext|>"]),
        ("tokenizer.ggml.eos_token_id", U32, tokenizer.end), ("tokenizer.ggml.padding_token_id", U32, tokenizer.ids["<|endoftext|>"]),
        ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.chat_template", STRING, TEMPLATE.read_text()),
    ]


def write_file(path, metadata, tensors):
    """`metadata` as (key, kind, value); `tensors` by their names in the file, in 16 or 32 bits."""
    head, data = bytearray(), bytearray()
    for key, kind, value in metadata:
        head += _string(key) + struct.pack("<I", kind) + _value(kind, value)
    for name, tensor in tensors.items():
        head += _string(name) + struct.pack(f"<I{tensor.ndim}QIQ", tensor.ndim, *reversed(tensor.shape), int(tensor.dtype == np.float16), len(data))
        data += tensor.tobytes()
        data += bytes(-len(data) % ALIGN)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + head
    Path(path).write_bytes(start + bytes(-len(start) % ALIGN) + data)


def write(path, network, tokenizer):
    """Matrices in 16 bits, norms in 32."""
    views = network.views(network.params)
    tensors = {name + ".weight": tensor.astype(np.float16 if tensor.ndim > 1 else np.float32) for name, tensor in views.items()}
    write_file(path, _metadata(network.shape, tokenizer), tensors)


class _Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def get(self, form):
        values = struct.unpack_from("<" + form, self.raw, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        size = self.get("Q")
        self.at += size
        return self.raw[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == ARRAY:
            element, count = self.get("IQ")
            return [self.value(element) for _ in range(count)]
        return self.string() if kind == STRING else self.get({U32: "I", I32: "i", F32: "f", BOOL: "?"}[kind])


def load(path):
    """A file that `write` wrote, ready to play."""
    reader = _Reader(Path(path).read_bytes())
    if reader.raw[:4] != b"GGUF":
        raise ValueError(f"{path} is not a GGUF file")
    reader.at = 4
    _, tensors, pairs = reader.get("IQQ")
    meta = {}
    for _ in range(pairs):
        key = reader.string()
        meta[key] = reader.value(reader.get("I"))
    a = "qwen3."
    shape = Shape(meta[a + "block_count"], meta[a + "embedding_length"], meta[a + "attention.head_count"], meta[a + "attention.head_count_kv"],
                  meta[a + "attention.key_length"], meta[a + "feed_forward_length"], len(meta["tokenizer.ggml.tokens"]), meta[a + "context_length"],
                  meta[a + "rope.freq_base"])
    infos = []
    for _ in range(tensors):
        name, dims = reader.string(), reader.get("I")
        size = reader.get(f"{dims}Q")
        infos.append((name.removesuffix(".weight"), np.prod(size, dtype=int), *reader.get("IQ")))
    base = reader.at + -reader.at % ALIGN
    network = Network(shape)
    views = network.views(network.params)
    for name, size, half, offset in infos:
        kind = np.float16 if half else np.float32
        views[name][:] = np.frombuffer(reader.raw, kind, size, base + offset).reshape(views[name].shape)
    return Model(network, Tokenizer([m.split(" ") for m in meta["tokenizer.ggml.merges"]]))
