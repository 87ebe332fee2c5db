"""Routing by price: the cheapest target that is well gets the call."""

import json
import unittest

from support.server import Server
from support.upstream import Upstream

PRICES = {"dear": (4, 8), "cheap": (0.5, 2), "middling": (3, 1)}


def model(prices, strategy="price"):
    targets = ", ".join(
        f'{{ provider = "oai", model = "{name}"' +
        (f", price = {{ input = {price[0]}, output = {price[1]} }}" if price else "") + " }"
        for name, price in prices.items())
    return f'[[model]]\nname = "routed"\nstrategy = "{strategy}"\ntargets = [ {targets} ]\n'


class Price(unittest.TestCase):
    def test_the_cheapest_that_is_well_is_called(self):
        with Upstream() as upstream, Server(config=upstream.config() + model(PRICES),
                                            environment={"MOCK_KEY": "sk-upstream"}) as server:
            def called():
                upstream.requests.clear()
                reply = server.request("POST", "/v1/chat/completions", json.dumps(
                    {"model": "routed", "messages": [{"role": "user", "content": "Hello"}]}),
                    {"Content-Type": "application/json"})
                self.assertEqual(reply.status, 200, reply.body)
                return [body["model"] for _, _, body in upstream.requests]

            for _ in range(10):
                self.assertEqual(called(), ["cheap"])
            upstream.faults_of["cheap"] = (500, {}, {"error": {"message": "Broken."}})
            self.assertEqual(called(), ["cheap", "middling"])

    def test_a_target_without_a_price_is_refused(self):
        with Upstream() as upstream:
            config = upstream.config() + model({**PRICES, "unknown": None})
            with self.assertRaisesRegex(RuntimeError, "strategy price: its target unknown at oai has no price"):
                with Server(config=config, environment={"MOCK_KEY": "sk-upstream"}):
                    pass


if __name__ == "__main__":
    unittest.main()
