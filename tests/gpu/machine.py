"""A GPU for tests without one: host memory is the device's, and kernels run by the C++ emulator.

`Compiler` compiles what NVRTC would be given, with g++ and the emulator beneath; `Driver` loads and runs it,
and writes down what it was asked for.  Nothing above them knows.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import ufloss as ul

CXX = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++") or shutil.which("clang++")
PREAMBLE = """
#define UFL_EMULATED_GPU
#define __global__
#define __launch_bounds__(...)
#define __grid_constant__
#include "ufloss/cuda/device.hpp"
"""
ENTRY = """
extern "C" const char* run_by_emulator(const long long* words, long long count, const unsigned* grid,
                                       unsigned threads, unsigned cluster, unsigned shared, unsigned order) {
  static std::string said;
  kernel::arguments a;
  if (sizeof a != std::size_t(count) * 8) return "the arguments are not those of the kernel";
  std::memcpy(&a, words, sizeof a);
  ufloss::gpu::emulator::shape s;
  for (int d = 0; d < 3; ++d) s.grid[d] = grid[d];
  s.threads = threads;
  s.cluster = cluster;
  s.shared = shared;
  try {
    ufloss::gpu::emulator::run(s, order, [&a] { ufloss_kernel(a); });
  } catch (const std::exception& e) {
    said = e.what();
    return said.c_str();
  }
  return nullptr;
}
extern "C" long long size_of_arguments() { return sizeof(kernel::arguments); }
"""


class Compiler:
    """What `ufloss.cuda._driver.Compiler` is to the rest."""

    version = (13, 0)

    def __init__(self):
        self.compiled = []

    def architecture(self, major, minor):
        return f"sm_{10 * major + minor}"

    def compile(self, source, headers, options):
        self.compiled.append(source)
        assert "-fmad=false" in options
        with tempfile.TemporaryDirectory() as folder:
            for name, text in headers.items():  # these alone, as with NVRTC, and what the emulator is
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            for name in ("emulator", "plan"):
                path = f"ufloss/cuda/{name}.hpp"
                shutil.copy(Path(ul.get_include()) / path, Path(folder) / path)
            (Path(folder) / "unit.cpp").write_text(PREAMBLE + source + ENTRY)
            flags = ["-std=c++17", "-O0", "-U_FORTIFY_SOURCE", "-ffp-contract=off", "-shared", "-fPIC"]
            subprocess.run(
                [CXX, *flags, "-I.", "unit.cpp", "-o", "unit.so"], cwd=folder, check=True, capture_output=True
            )
            return (Path(folder) / "unit.so").read_bytes()


class Driver:
    """What `ufloss.cuda._driver.Driver` is to the rest."""

    def __init__(self, devices=2):
        self.devices, self.launched, self.ordered, self.waited = devices, [], [], []
        self.current, self.memory, self.folder, self.modules = 0, {}, tempfile.mkdtemp(), 0
        self.order_of_threads = 2
        self.runs = True

    def owns(self, start, size, ordinal):
        """That memory is a device's from now on."""
        self.memory[start] = size, ordinal

    def facts(self, ordinal):
        assert 0 <= ordinal < self.devices
        return 4, 9, 0, 2048, 65536, 227 * 1024, 228 * 1024

    def activate(self, ordinal):
        was, self.current = self.current, ordinal
        return None if was == ordinal else ("device", was)

    def restore(self, was):
        if was is not None:
            self.current = was[1]

    def current_ordinal(self):
        return self.current

    def ordinal_of(self, address):
        for start, (size, ordinal) in self.memory.items():
            if start <= address <= start + size:
                return ordinal
        return None

    def load(self, image):
        self.modules += 1
        path = Path(self.folder) / f"{self.modules}.so"
        path.write_bytes(image)
        module = ctypes.CDLL(str(path))
        module.run_by_emulator.restype = ctypes.c_char_p
        module.size_of_arguments.restype = ctypes.c_longlong
        return module

    def function(self, module, name, shared):
        assert name == "ufloss_kernel"
        return module

    def blocks_at_once(self, function, threads, shared):
        return 1

    def launch(self, function, grid, block, shared, stream, arguments, cluster):
        self.launched.append((grid, block, shared, stream, cluster, self.current))
        if not self.runs:
            return
        words = int.from_bytes(arguments[:8], "little")  # kernelParams: an array of one pointer
        error = function.run_by_emulator(
            ctypes.c_void_p(words),
            ctypes.c_longlong(function.size_of_arguments() // 8),
            (ctypes.c_uint * 3)(*grid),
            *map(ctypes.c_uint, (block[0], cluster, shared, self.order_of_threads)),
        )
        assert len(arguments) == 8 + function.size_of_arguments()
        assert error is None, error

    def order(self, first, then):
        self.ordered.append((first, then))

    def synchronize(self, stream):
        self.waited.append(stream)

    def read(self, address, size, stream):
        self.waited.append(stream)
        return ctypes.string_at(address, size)
