"""Needs a workspace with the filespace "demo": LUCIDLINK_WORKSPACE_URL and LUCIDLINK_TOKEN say which."""

import array
import concurrent.futures
import contextlib
import errno
import fcntl
import gc
import glob
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import unittest
from urllib.parse import urlparse

import lucidlink

MIB = 1 << 20


@contextlib.contextmanager
def held_log():
    """Holds the lock that a commit to the filespace needs, so that commits wait until the block ends."""
    workspace = urlparse(os.environ["LUCIDLINK_WORKSPACE_URL"]).path
    [head] = glob.glob(f"{workspace}/filespaces/*/log/head")
    with open(head, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def token_of_nobody():
    """A token that is well formed, of an account that the workspace does not have."""
    kind, account, secret = os.environ["LUCIDLINK_TOKEN"].split(":")
    return ":".join([kind, ("1" if account[0] == "0" else "0") + account[1:], secret])


class Linked(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(lucidlink.Daemon({"network.timeout": 30}))
        cls.workspace = cls.enterClassContext(cls.daemon.authenticate(os.environ["LUCIDLINK_TOKEN"]))
        cls.files = cls.enterClassContext(cls.workspace.link("demo"))
        cls.files.create_dir("/python")

    def test_watch(self):
        self.files.create_dir("/python/watched")
        with self.files.watch("/python/watched") as watch:
            self.files.write_file("/python/watched/file", b"x")
            self.files.move("/python/watched/file", "/python/moved")
            made, moved = next(watch), next(watch)
        self.assertEqual((made.kind, made.path, made.author, made.own), ("created", "/file", "admin", True))
        self.assertEqual((moved.kind, moved.moved_from, moved.path), ("moved", "/file", ""))
        self.assertEqual(made.file_id, moved.file_id)

    def test_quick_start(self):
        self.files.create_dir("/python/letters")
        self.files.write_file("/python/letters/first.txt", "grüße\n".encode())
        with self.files.open("/python/letters/second.txt", "w") as file:
            file.write(b"two")
        entries = self.files.read_dir("/python/letters")
        listed = [(e.name, e.size, e.is_dir) for e in entries]
        self.assertEqual(listed, [("first.txt", 8, False), ("second.txt", 3, False)])
        self.assertEqual(self.files.read_file("/python/letters/first.txt").decode(), "grüße\n")
        self.assertTrue(self.files.get_entry("/python/letters").is_dir)
        self.files.sync_all()

    def test_a_large_file_is_streamed(self):
        written, chunks = hashlib.sha256(), random.Random(1)
        with self.files.open("/python/large", "w") as file:
            for _ in range(64):
                chunk = chunks.randbytes(MIB)
                written.update(chunk)
                file.write(chunk)
        read, buffer, size = hashlib.sha256(), bytearray(300_000), 0
        with self.files.open("/python/large") as file:
            while count := file.readinto(buffer):
                read.update(memoryview(buffer)[:count])
                size += count
        self.assertEqual((size, read.digest()), (64 * MIB, written.digest()))
        self.assertEqual(hashlib.sha256(self.files.read_file("/python/large")).digest(), written.digest())

    def test_a_file_is_one_of_the_standard_library(self):
        with self.files.open("/python/lines", "w") as file, io.TextIOWrapper(io.BufferedWriter(file)) as text:
            print("one", "two", sep="\n", file=text)
        with io.TextIOWrapper(io.BufferedReader(self.files.open("/python/lines"))) as text:
            self.assertEqual(list(text), ["one\n", "two\n"])
        with self.files.open("/python/lines") as source, self.files.open("/python/copy", "w+") as target:
            source.seek(4)
            shutil.copyfileobj(source, target)
            self.assertEqual((target.seek(0), target.readall(), target.truncate(2)), (0, b"two\n", 2))
        self.assertEqual(self.files.read_file("/python/copy"), b"tw")

    def test_an_error_has_its_detail(self):
        path = "/python/" + "long/" * 40 + "mißing.txt"
        with self.assertRaises(lucidlink.Error) as caught:
            self.files.open(path)
        error = caught.exception
        self.assertEqual((error.status, error.name, error.errno), (-401, "LL_ERR_NOT_FOUND", errno.ENOENT))
        self.assertEqual((error.path, error.filename), (path, path))
        self.assertRegex(error.message, "a directory of the path does not exist: .*long/mißing.txt")
        self.assertEqual((error.retryable, error.maybe_applied, error.fatal), (False, False, False))
        with self.assertRaisesRegex(lucidlink.Error, "LL_ERR_INVALID_PATH: path: .*absolute"):
            self.files.create_dir("relative")
        with self.assertRaises(ValueError):
            self.files.write_file("/python/a\0b", b"")
        with self.assertRaises(lucidlink.Error) as caught:
            self.daemon.authenticate("nonsense")
        self.assertEqual((caught.exception.name, caught.exception.path), ("LL_ERR_INVALID_TOKEN", None))

    def test_an_error_is_one_of_python_too(self):
        self.files.write_file("/python/kind", b"")
        cases = [
            (FileNotFoundError, "LL_ERR_NOT_FOUND", lambda: self.files.read_file("/python/none")),
            (FileExistsError, "LL_ERR_EXISTS", lambda: self.files.open("/python/kind", "x")),
            (NotADirectoryError, "LL_ERR_NOT_A_DIRECTORY", lambda: self.files.read_dir("/python/kind")),
            (IsADirectoryError, "LL_ERR_IS_A_DIRECTORY", lambda: self.files.read_file("/python")),
            (PermissionError, "LL_ERR_AUTHENTICATION", lambda: self.daemon.authenticate(token_of_nobody())),
        ]
        for kind, name, call in cases:
            with self.subTest(name), self.assertRaises(kind) as caught:
                call()
            self.assertIsInstance(caught.exception, lucidlink.Error)
            self.assertEqual(caught.exception.name, name)
        with self.assertRaises(lucidlink.Error) as caught:
            self.files.create_dir("relative")
        self.assertIs(type(caught.exception), lucidlink.Error)

    def test_bytes_are_written_and_nothing_else(self):
        numbers = array.array("i", [1, -2])
        for content in [b"bytes", bytearray(b"array"), memoryview(b"a view")[::2], numbers, array.array("i"), b""]:
            expected = bytes(memoryview(content).tobytes())
            self.files.write_file("/python/whole", content)
            with self.files.open("/python/streamed", "w") as file:
                self.assertEqual(file.write(content), len(expected))
            self.assertEqual(self.files.read_file("/python/whole"), expected)
            self.assertEqual(self.files.read_file("/python/streamed"), expected)
        with self.files.open("/python/streamed") as kept:
            for wrong in [5, None, [1, 2]]:
                self.assertRaises(TypeError, self.files.write_file, "/python/whole", wrong)
                self.assertRaises(TypeError, kept.write, wrong)
            for call in [kept.write, lambda text: self.files.write_file("/python/whole", text)]:
                self.assertRaisesRegex(TypeError, "encode the text", call, "text")

    def test_files_and_directories_are_moved_copied_and_deleted(self):
        self.files.create_dir("/python/from/below")
        self.files.write_file("/python/from/below/file", b"moved")
        self.files.move("/python/from", "/python/to")
        self.files.copy("/python/to/below/file", "/python/to/copy")
        with self.assertRaises(FileExistsError):
            self.files.move("/python/to/copy", "/python/to/below/file")
        with self.assertRaises(FileExistsError):
            self.files.copy("/python/to/copy", "/python/to/below/file")
        self.files.write_file("/python/to/copy", b"copied")
        self.files.copy("/python/to/copy", "/python/to/below/file", replace=True)
        self.assertEqual(self.files.read_file("/python/to/below/file"), b"copied")
        self.files.move("/python/to/copy", "/python/to/below/file", replace=True)
        self.assertEqual([entry.name for entry in self.files.read_dir("/python/to")], ["below"])
        with self.assertRaisesRegex(lucidlink.Error, "LL_ERR_NOT_EMPTY"):
            self.files.delete_dir("/python/to")
        self.files.delete_dir("/python/to", recursive=True)
        with self.assertRaises(FileNotFoundError):
            self.files.delete_dir("/python/to", recursive=True)

    def test_settings_are_text_numbers_or_booleans(self):
        for several in [True, "true"]:
            lucidlink.Daemon({"daemon.allow_multiple": several, "memory.limit": 512}).close()
        with self.assertRaisesRegex(lucidlink.Error, "LL_ERR_DAEMON_ACTIVE"):
            lucidlink.Daemon({"daemon.allow_multiple": False})
        with self.assertRaisesRegex(lucidlink.Error, "LL_ERR_INVALID_VALUE.*network.timeout"):
            lucidlink.Daemon({"network.timeout": True})

    def test_without_the_library_its_place_is_asked_for(self):
        missing = {**os.environ, "LUCIDLINK_LIBRARY": "/nowhere/liblucidlink.so.0"}
        folder = os.path.dirname(lucidlink.__file__)
        run = subprocess.run([sys.executable, "-c", "import lucidlink"], cwd=folder, env=missing, capture_output=True)
        said = run.stderr.decode()
        self.assertRegex(said, "ImportError: .*/nowhere/liblucidlink.so.0.*set LUCIDLINK_LIBRARY to the path")

    def test_what_an_exception_leaves_is_not_published(self):
        self.files.write_file("/python/good", b"good")
        with self.assertRaises(ZeroDivisionError), self.files.open("/python/good", "w") as file:
            file.write(b"half of")
            1 / 0
        self.files.open("/python/good", "w").write(b"dropped")
        gc.collect()
        self.files.sync_all()  # which publishes what open files wrote
        self.assertEqual(self.files.read_file("/python/good"), b"good")
        file.close()
        with self.assertRaises(ValueError):
            file.write(b"closed")

    def test_threads(self):
        def work(n):
            path = f"/python/threads-{n % 8}/{n}"
            self.files.write_file(path, path.encode() * n)
            with self.assertRaises(lucidlink.Error) as caught:
                self.files.delete(path + ".missing")
            self.assertEqual(caught.exception.path, path + ".missing")
            return self.files.read_file(path) == path.encode() * n

        for n in range(8):
            self.files.create_dir(f"/python/threads-{n}")
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            self.assertTrue(all(threads.map(work, range(200))))
        for n in range(8):
            self.assertEqual(len(self.files.read_dir(f"/python/threads-{n}")), 25)

    def test_a_call_that_waits_stops_no_other_thread(self):
        self.files.write_file("/python/other", b"work")
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            with held_log():
                waiting = threads.submit(self.files.create_dir, "/python/waits")
                for _ in range(200):
                    self.assertEqual(self.files.read_file("/python/other"), b"work")
                self.assertFalse(waiting.done())
            self.assertIsNone(waiting.result())

    def test_a_forked_child_gets_an_error(self):
        child = os.fork()
        if child == 0:
            try:
                self.files.read_dir("/")
            except lucidlink.Error as error:
                os._exit(42 if error.name == "LL_ERR_FORKED" else 1)
            finally:
                os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 42)
