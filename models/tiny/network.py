"""The network: its shape, its parameters by name, and the arithmetic of step.c behind it."""
import ctypes
import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

SOURCES = [Path(__file__).parent / name for name in ("step.c", "product.c", "product.h")]


@dataclass(frozen=True)
class Shape:
    layers: int = 6
    width: int = 192
    heads: int = 6
    kv: int = 6
    head: int = 32
    ff: int = 512
    vocab: int = 1024
    context: int = 2048
    base: float = 10000.0

    def tensors(self):
        """(name as in GGUF, dimensions), in the order of step.c's flat array."""
        d, q, k = self.width, self.heads * self.head, self.kv * self.head
        yield "token_embd", (self.vocab, d)
        for i in range(self.layers):
            for name, dims in (("attn_norm", (d,)), ("attn_q", (q, d)), ("attn_k", (k, d)), ("attn_v", (k, d)), ("attn_q_norm", (self.head,)),
                               ("attn_k_norm", (self.head,)), ("attn_output", (d, q)), ("ffn_norm", (d,)), ("ffn_gate", (self.ff, d)),
                               ("ffn_up", (self.ff, d)), ("ffn_down", (d, self.ff))):
                yield f"blk.{i}.{name}", dims
        yield "output_norm", (d,)

    def count(self):
        return sum(int(np.prod(dims)) for _, dims in self.tensors())


def available():
    """Whether a C compiler and OpenBLAS are here, or the reason why not."""
    try:
        _library()
    except (OSError, subprocess.CalledProcessError) as e:
        return str(e)
    return None


@cache
def _library():
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
    key = hashlib.sha256(b"".join(s.read_bytes() for s in SOURCES) + " ".join(flags).encode()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"acloud-tiny-{os.getuid()}-{key}.so"
    if not built.exists():
        partial = built.with_suffix(f".{os.getpid()}")
        subprocess.run(["gcc", *flags, *map(str, SOURCES[:2]), "-o", str(partial), "-l:libopenblas.so.0", "-lm"], check=True, capture_output=True)
        partial.rename(built)
    library = ctypes.CDLL(str(built))
    library.model_new.restype = ctypes.c_void_p
    library.model_step.restype = ctypes.c_double
    return library


def _pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def in_16_bits():
    """From now on this process multiplies in 16 bits, where the processor is much faster so. Returns whether it is."""
    return bool(_library().product_in_16_bits())


def product(a, b, turned=False):
    """a b, or a b^T if `turned`, of contiguous matrices of float32."""
    (m, k), n = a.shape, b.shape[0 if turned else 1]
    out = np.empty((m, n), np.float32)
    _library().product(0, int(turned), m, n, k, ctypes.c_float(1), _pointer(a), k, _pointer(b), b.shape[1], ctypes.c_float(0), _pointer(out), n)
    return out


class Network:
    """`params` and `grads` are flat arrays of 32 bits, its own where none are given."""

    def __init__(self, shape=Shape(), longest=2048, params=None, grads=None):
        self.shape, self.longest = shape, longest
        self.params = np.zeros(shape.count(), np.float32) if params is None else params
        self.grads = np.zeros_like(self.params) if grads is None else grads
        self._c = _library()
        s = shape
        self._model = ctypes.c_void_p(self._c.model_new(s.layers, s.width, s.heads, s.kv, s.head, s.ff, s.vocab, longest, ctypes.c_float(s.base),
                                                        _pointer(self.params), _pointer(self.grads)))
        self._logits = np.zeros(s.vocab, np.float32)

    def views(self, flat):
        """Each tensor of a flat array, by name."""
        out, at = {}, 0
        for name, dims in self.shape.tensors():
            size = int(np.prod(dims))
            out[name] = flat[at:at + size].reshape(dims)
            at += size
        return out

    def initialize(self, seed):
        rng = np.random.default_rng(seed)
        for name, tensor in self.views(self.params).items():
            if tensor.ndim == 1:
                tensor[:] = 1
            elif name.endswith(("attn_output", "ffn_down")):
                tensor[:] = 0
            else:
                tensor[:] = rng.normal(0, 0.02 if name == "token_embd" else tensor.shape[1] ** -0.5, tensor.shape)

    def step(self, episodes, scale):
        """Adds the gradients of episodes (tokens, learned), `longest` tokens in all at most; returns their summed loss."""
        lengths = np.array([len(tokens) for tokens, _ in episodes], np.int32)
        tokens = np.concatenate([np.asarray(tokens, np.int32) for tokens, _ in episodes])
        learned = np.concatenate([np.asarray(learned, np.uint8) for _, learned in episodes])
        starts = np.cumsum(lengths) - lengths
        assert 1 < lengths.min() and len(tokens) <= self.longest and not learned[starts].any()
        return self._c.model_step(self._model, len(lengths), _pointer(lengths), _pointer(tokens), _pointer(learned), ctypes.c_float(scale))

    def logits(self, tokens, past=0):
        tokens = np.asarray(tokens, np.int32)
        assert 0 < len(tokens) <= self.longest - past
        self._c.model_decode(self._model, len(tokens), past, _pointer(tokens), _pointer(self._logits))
        return self._logits

    def greedy(self, tokens, past, end, most):
        """The most likely continuation after `past` tokens already taken in and these, with its end."""
        tokens, out = np.asarray(tokens, np.int32), np.zeros(most, np.int32)
        assert 0 < len(tokens) < self.longest - past
        count = self._c.model_greedy(self._model, len(tokens), past, _pointer(tokens), end, most, _pointer(out), _pointer(self._logits))
        return out[:count].tolist()
