"""Kernels on disk: found again, by all processes, and only by those that would make the same."""

import stat
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

import ufloss as ul
import ufloss.cuda as uc
from internals import cuda_cache, cuda_kernels

pytestmark = pytest.mark.cuda_emu
KEY = "ab" + 62 * "0"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("UFLOSS_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.setattr(cuda_cache, "warned", set())
    return tmp_path / "kernels"


def refuse():
    raise AssertionError("compiled again")


def test_kernels_are_made_once(folder):
    assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"
    assert cuda_cache.find_or_make(KEY, refuse) == b"image"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(p.name for p in folder.iterdir()) == ["ab.lock", f"{KEY}.kernel"]


DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
    "other_bits": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "of_another_program": lambda data: b"\x7fELF" + data,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_anew_with_a_warning(folder, damage):
    cuda_cache.find_or_make(KEY, lambda: b"image")
    path = folder / f"{KEY}.kernel"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.warns(RuntimeWarning, match="it is damaged.*compiled anew"):
        assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"
    assert cuda_cache.find_or_make(KEY, refuse) == b"image"


def test_a_failed_compilation_leaves_nothing(folder):
    with pytest.raises(AssertionError, match="compiled again"):
        cuda_cache.find_or_make(KEY, refuse)
    assert not (folder / f"{KEY}.kernel").exists()
    assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"


def test_a_folder_that_cannot_be_made_is_one_warning(folder):
    folder.write_text("a file")
    with pytest.warns(RuntimeWarning, match=r"cannot be kept in .*kernels.*UFLOSS_CACHE_DIR names another"):
        assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cuda_cache.find_or_make(KEY, lambda: b"other") == b"other"


def test_a_folder_that_cannot_be_written_to(folder, monkeypatch):
    """As on a full disk; an administrator may write everywhere, so the call itself is made to fail."""

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cuda_cache.tempfile, "mkstemp", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"


def test_a_kernel_that_cannot_be_read(folder):
    (folder / f"{KEY}.kernel").mkdir(parents=True)
    with pytest.warns(RuntimeWarning, match="cannot be kept"):
        assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"


def test_without_locks_it_works_as_well(folder, monkeypatch):
    def no_locks(file):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(cuda_cache, "lock", no_locks)
    assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"
    assert cuda_cache.find_or_make(KEY, refuse) == b"image"


COMPETE = """
import sys, time
from ufloss.cuda import _cache
key, log, begin = sys.argv[1:]
def make():
    with open(log, "a") as file:
        file.write("made\\n")
    time.sleep(0.2)
    return 100_000 * b"image"
time.sleep(max(0, float(begin) - time.time()))
for _ in range(20):
    assert _cache.find_or_make(key, make) == 100_000 * b"image"
"""


def test_of_many_processes_one_compiles(folder, tmp_path):
    arguments = [KEY, str(tmp_path / "log"), str(time.time() + 1)]
    workers = [subprocess.Popen([sys.executable, "-c", COMPETE, *arguments]) for _ in range(5)]
    assert [w.wait(60) for w in workers] == [0] * 5
    assert (tmp_path / "log").read_text() == "made\n"
    assert sorted(p.name for p in folder.iterdir()) == ["ab.lock", f"{KEY}.kernel"]


KILLED = """
import os, sys
from ufloss.cuda import _cache
def make():
    print("compiles", flush=True)
    os.kill(os.getpid(), 9)
_cache.find_or_make(sys.argv[1], make)
"""


def test_a_process_that_dies_locks_nobody_out(folder):
    dead = subprocess.run([sys.executable, "-c", KILLED, KEY], capture_output=True, text=True)
    assert (dead.returncode, dead.stdout) == (-9, "compiles\n")
    assert cuda_cache.find_or_make(KEY, lambda: b"image") == b"image"


def test_keys_tell_sequences_apart():
    sequences = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), ("abc", 1), ("abc", 11)]
    assert len({cuda_cache.key_of(*s) for s in sequences}) == len(sequences)


# --- of what is compiled -----
@pytest.fixture
def keys(machine, monkeypatch):
    """The keys that a call asks for."""
    asked = []
    monkeypatch.setattr(cuda_cache, "find_or_make", lambda key, make: asked.append(key) or make())
    monkeypatch.setattr(machine.compiler, "compile", lambda *args: b"image")
    return asked


UNIT = '#include "ufloss/cuda/elementwise.hpp"\n'


def test_a_key_depends_on_all_that_matters(keys, machine, monkeypatch):
    first = cuda_kernels.image_of(UNIT, 9, 0)
    assert first == b"image"
    cuda_kernels.image_of(UNIT, 9, 0)
    assert keys[0] == keys[1]
    cuda_kernels.image_of(UNIT + "// other", 9, 0)
    cuda_kernels.image_of(UNIT, 8, 0)
    monkeypatch.setattr(machine.compiler, "version", (13, 1))
    cuda_kernels.image_of(UNIT, 9, 0)
    monkeypatch.setattr(cuda_kernels, "OPTIONS", ("-std=c++20", "-fmad=false"))
    cuda_kernels.image_of(UNIT, 9, 0)
    text = cuda_kernels.text_of
    monkeypatch.setattr(
        cuda_kernels, "text_of", lambda name: text(name) + "\n" * name.endswith("vocabulary/scalar.hpp")
    )
    cuda_kernels.image_of(UNIT, 9, 0)
    assert len(set(keys[1:])) == 6


def test_a_unit_is_given_what_it_includes_and_no_more():
    headers = cuda_kernels.headers_of(UNIT + '#include "ufloss/losses/regression.hpp"\n')
    assert {"ufloss/config.hpp", "ufloss/cuda/words.hpp", "ufloss/losses/regression.hpp"} <= set(headers)
    assert "ufloss/losses/binary.hpp" not in headers


def test_another_process_needs_no_compiler(cupy, machine, folder, monkeypatch):
    x = np.linspace(-1, 1, 12, dtype="f4")
    first = uc.squared_error(cupy.array(x), 0.0)
    assert len(machine.compiler.compiled) == 1
    monkeypatch.setattr(cuda_kernels, "loaded", {})
    monkeypatch.setattr(uc.squared_error, "entries", {})
    again = uc.squared_error(cupy.array(x), 0.0)
    assert len(machine.compiler.compiled) == 1
    assert (first.host == again.host).all()
    assert (again.host == ul.squared_error(x, np.float32(0))).all()
