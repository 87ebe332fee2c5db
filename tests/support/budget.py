"""Budgets of a server on SQLite, as its tables have them."""

import json
import os
import sqlite3
from fractions import Fraction


def open_database(server):
    return sqlite3.connect(os.path.join(server.data, "acloud.db"), timeout=30)


def set_budget(server, limit):
    """One of the workspace, for ever: a cent is 10,000 millionths. The server is started anew."""
    server.stop()
    database = open_database(server)
    with database:
        database.execute("INSERT OR REPLACE INTO budgets VALUES ('bud_1', 'default', 'workspace', 'default', ?, 0, 'total', 1, 0)",
                         (int(Fraction(limit) * 10**6),))
    database.close()
    server.start()


def held(server):
    """What is set aside for what is not made yet."""
    database = open_database(server)
    rows = database.execute("SELECT reservation FROM reservations").fetchall()
    database.close()
    return float(sum(Fraction(json.loads(row[0])["amount"]) for row in rows))


def spent(server):
    database = open_database(server)
    micro, rest = database.execute("SELECT coalesce(sum(cost_micro), 0), coalesce(sum(cost_rest), 0) FROM usage_totals").fetchone()
    database.close()
    return float(Fraction(micro, 10**6) + Fraction(rest, 10**18))
