"""From a plan's launch to a kernel that is loaded: one translation unit a loss, its parts and its type."""

import functools
import re
import threading
from pathlib import Path

from .. import _core
from .._paths import get_include
from . import _cache
from ._driver import compiler, driver

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
OPTIONS = ("-std=c++17", "-fmad=false")  # products and sums are rounded as on the CPU


@functools.cache
def text_of(name):
    """A header that the wheel carries."""
    return (Path(get_include()) / name).read_text(encoding="utf-8")


def headers_of(source):
    """All that a unit includes, as texts by their names: what is compiled is what was hashed."""
    found, wanted = {}, INCLUDE.findall(source)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = text_of(name)
            wanted += INCLUDE.findall(found[name])
    return dict(sorted(found.items()))


def image_of(source, major, minor):
    """What a driver loads, from the disk or from the compiler."""
    nvrtc = compiler()
    headers = headers_of(source)
    options = (*OPTIONS, f"--gpu-architecture={nvrtc.architecture(major, minor)}")
    key = _cache.key_of(
        "kernel", source, len(headers), *(part for item in headers.items() for part in item), *options,
        *nvrtc.version,
    )  # fmt: skip
    return _cache.find_or_make(key, lambda: nvrtc.compile(source, headers, options))


loaded, images_wanted = {}, {}
guard = threading.Lock()


def kernel_of(source, shared, ordinal, facts):
    """The loaded kernel of a unit on a device, whose context is current."""
    key = source, shared, ordinal
    found = loaded.get(key)
    if found is None:
        with guard:
            own = images_wanted.setdefault(key, threading.Lock())
        with own:  # other kernels are compiled meanwhile
            found = loaded.get(key)
            if found is None:
                module = driver().load(image_of(source, facts[1], facts[2]))
                found = loaded[key] = module, driver().function(module, _core.ENTRY_NAME, shared)
    return found[1]


class Launch:
    """One launch of a plan, ready but for its addresses."""

    __slots__ = ("block", "cluster", "function", "grid", "index", "plan", "shared")

    def __init__(self, plan, index, ordinal, facts):
        said = plan.describe(index)
        self.plan, self.index = plan, index
        self.block, self.cluster, self.shared = said["block"], said["cluster"], said["shared"]
        self.function = kernel_of(said["source"], self.shared, ordinal, facts)
        self.grid = said["grid"]
        if said["any_grid"]:  # no more blocks than run at once: each goes on to the next item
            at_once = max(driver().blocks_at_once(self.function, self.block[0], self.shared), 1)
            self.grid = (min(self.grid[0], at_once * facts[0]), *self.grid[1:])

    def start(self, cuda, addresses, workspace, stream):
        arguments = self.plan.arguments(self.index, addresses, workspace)
        cuda.launch(self.function, self.grid, self.block, self.shared, stream, arguments, self.cluster)


def launches_of(plan, ordinal, facts):
    return tuple(Launch(plan, k, ordinal, facts) for k in range(len(plan)))
