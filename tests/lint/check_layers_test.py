"""scripts/check-layers notices each thing that it is there to notice, in a small house and in the real one."""
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SMALL_HOUSE = {
    "base/error.h": "#include <string>\n",
    "async/asio.h": "#include <boost/asio/io_context.hpp>\n",
    "net/server.h": '#include "base/error.h"\n',
    "net/server.cc": '#include "async/asio.h"\n#include <boost/beast.hpp>\n',
    "kernel/catalog.h": '#include "net/server.h"\n',
    "model/chat.h": '#include "base/error.h"\n',
    "model/product.cc": '#include "kernel/catalog.h"\n#include "model/chat.h"\n',
    "storage/object/product.cc": '#include "kernel/catalog.h"\n',
    "surfaces/rest/rest.cc": '#include "kernel/catalog.h"\n',
    "main.cc": '#include "model/chat.h"\n',
}


class CheckLayers(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/layers.txt", self.root / "scripts")

    def build(self):
        for path, text in SMALL_HOUSE.items():
            file = self.root / "src" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def add(self, path, line):
        file = self.root / "src" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + line + "\n")

    def check(self):
        return subprocess.run([ROOT / "scripts/check-layers", self.root], capture_output=True, text=True)

    def refuses(self, path, line, reason):
        self.build()
        self.add(path, line)
        result = self.check()
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(f"src/{path}:", result.stderr)
        self.assertIn(reason, result.stderr)

    def test_accepts_a_house_in_order(self):
        self.build()
        result = self.check()
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_refuses_what_stands_below(self):
        self.refuses("base/error.h", '#include "net/server.h"', "src/net stands below src/base")

    def test_refuses_a_product_in_a_product(self):
        self.refuses("storage/object/product.cc", '  #  include "model/chat.h"', "only by a call")

    def test_refuses_asio_outside_its_folders(self):
        self.refuses("kernel/call.cc", "#include <boost/asio.hpp>", "src/async and src/net: boost/asio.hpp")

    def test_refuses_asio_through_a_header(self):
        self.build()
        self.add("net/server.h", '#include "async/asio.h"')
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertIn("net/server.h -> async/asio.h -> boost/asio/io_context.hpp", result.stderr)
        self.assertNotIn("src/net/server.h", result.stderr)

    def test_refuses_llama_outside_the_engine(self):
        self.refuses("model/chat.h", "#include <llama.h>", "src/inference/engine alone")
        self.refuses("inference/scheduler/plan.cc", "#include <ggml-backend.h>", "src/inference/engine alone")

    def test_takes_llama_in_the_engine(self):
        self.build()
        self.add("inference/engine/llama.cc", "#include <llama.h>")
        self.assertEqual(self.check().returncode, 0)

    def test_refuses_the_catalog_outside_product_cc(self):
        self.refuses("model/chat.cc", '#include "kernel/catalog.h"', "only product.cc knows the catalog")

    def test_refuses_a_folder_that_is_not_in_the_table(self):
        self.refuses("attic/box.h", "", "src/attic is not in scripts/layers.txt")

    def test_refuses_the_wiring_in_a_folder(self):
        self.refuses("model/chat.h", '#include "main.cc"', "stands below every folder")

    def test_refuses_asio_in_the_wiring(self):
        self.refuses("main.cc", "#include <boost/asio.hpp>", "brings Asio or Beast out")

    def test_refuses_a_file_that_is_not_there(self):
        self.refuses("base/error.h", '#include "base/eror.h"', "no such file")

    def test_notices_an_illegal_include_in_the_real_house(self):
        shutil.copytree(ROOT / "src", self.root / "src")
        before = self.check()
        self.add("base/error.h", '#include "net/http.h"')
        after = self.check()
        self.assertNotIn("src/net stands below src/base", before.stderr)
        self.assertEqual(after.stderr.count("src/net stands below src/base"), 1)
        self.assertEqual(after.returncode, 1)


if __name__ == "__main__":
    unittest.main()
