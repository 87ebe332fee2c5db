"""Muon for the matrices, Adam for the embedding and the norms.

Muon takes the momentum of a matrix to the nearest orthogonal one by Newton-Schulz steps, so that every
direction moves alike; at this size it learns several times faster than Adam alone.
Muon: K. Jordan and others, 2024.
"""
import numpy as np

from .network import product


def orthogonalize(matrix, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = np.ascontiguousarray(matrix.T if matrix.shape[0] > matrix.shape[1] else matrix)
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        square = product(x, x, turned=True)
        x = a * x + product(b * square + c * product(square, square), x)
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Optimizer:
    """Updates those of the network's tensors that are named in `own`. Its state is two flat arrays, `momentum` and `second`, to be
    checkpointed."""

    def __init__(self, network, own, momentum, second, matrix_rate=0.02, vector_rate=3e-3):
        self.params = network.views(network.params)
        self.momentum, self.second = network.views(momentum), network.views(second)
        self.own, self.matrix_rate, self.vector_rate = own, matrix_rate, vector_rate

    def update(self, step, rate, gradient):
        """Update number `step`, from 1, at `rate` times the full rates. `gradient` gives that of a tensor by its name."""
        for name in self.own:
            p, g, m, v = self.params[name], gradient(name), self.momentum[name], self.second[name]
            if p.ndim == 2 and name != "token_embd":
                m[:] = 0.95 * m + g
                p -= rate * self.matrix_rate * max(1, p.shape[0] / p.shape[1]) ** 0.5 * orthogonalize(g + 0.95 * m)
            else:
                m[:] = 0.9 * m + 0.1 * g
                v[:] = 0.98 * v + 0.02 * g * g
                p -= rate * self.vector_rate * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.98 ** step)) + 1e-10)
