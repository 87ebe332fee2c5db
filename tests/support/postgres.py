"""A PostgreSQL server for a test: made with initdb in a temporary folder, reached over a Unix socket alone."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse

BINARIES = "/usr/lib/postgresql/15/bin"


class Postgres:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="acloud-pg-")
        self.user = None
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            self.user = "postgres"
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        data = os.path.join(self.folder, "data")
        subprocess.run([f"{BINARIES}/initdb", "-D", data, "-U", "acloud", "-A", "trust", "-E", "UTF8", "--no-locale",
                        "--no-sync"], user=self.user, cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([f"{BINARIES}/postgres", "-D", data, "-k", self.folder, "-h", ""],
                                        user=self.user, cwd=self.folder, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)
        for line in self.process.stderr:
            if "ready to accept connections" in line:
                break
        else:
            raise RuntimeError("PostgreSQL did not start")
        # Read on: a server whose log nobody reads stops in the middle of writing to it, locks held.
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        return self

    def _read_log(self):
        for _ in self.process.stderr:
            pass

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        atexit.unregister(self.process.kill)
        self.reader.join(timeout=30)
        self.process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, name):
        """The URL of a new, empty database."""
        subprocess.run([f"{BINARIES}/createdb", "-h", self.folder, "-U", "acloud", name], check=True)
        return f"postgres://acloud@{urllib.parse.quote(self.folder, safe='')}/{name}"

    def run(self, database, sql):
        subprocess.run([f"{BINARIES}/psql", "-h", self.folder, "-U", "acloud", "-v", "ON_ERROR_STOP=1", "-qc", sql,
                        database], check=True)

    def ask(self, database, sql):
        """The lines of what a query gives."""
        done = subprocess.run([f"{BINARIES}/psql", "-h", self.folder, "-U", "acloud", "-Atc", sql, database], check=True,
                              capture_output=True, text=True)
        return done.stdout.splitlines()
