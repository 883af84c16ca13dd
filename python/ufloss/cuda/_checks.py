"""The checked mode: what a call got wrong on the device is raised by it."""

import contextlib
import contextvars
import struct

from ._arrays import ELEMENTS
from ._driver import driver
from ._kernels import launches_of

active = contextvars.ContextVar("ufloss.cuda.checked", default=False)


@contextlib.contextmanager
def checked():
    """Calls inside wait for the GPU and raise what they found.

    Without it a label that is no class gives NaN in its row, and nothing ever waits.  With it every call
    costs one synchronisation of its stream.

    Raises
    ------
    ValueError
        By a call inside, where a label of a row that takes part is no class.
    CudaError
        By a call inside, where a kernel failed.

    Examples
    --------
    >>> import ufloss.cuda as uc
    >>> with uc.checked():
    ...     pass
    >>> with uc.checked():    # on a GPU                                          # doctest: +SKIP
    ...     uc.softmax_cross_entropy_with_integer_labels(logits, labels)
    """
    token = active.set(True)
    try:
        yield
    finally:
        active.reset(token)


def look(name, entry, addresses, lead, stream):
    """Waits for the stream; raises for the first label that is no class."""
    cuda = driver()
    if not len(entry.label_plan):
        cuda.synchronize(stream)
        return
    if entry.label_launches is None:  # nobody has asked yet
        entry.label_launches = launches_of(entry.label_plan, entry.device, cuda.facts(entry.device))
    scratch, memory = aligned_bytes(max(entry.label_plan.workspace, 16), entry.device, lead)
    for launch in entry.label_launches:
        launch.start(cuda, addresses, memory, stream)
    place, label = struct.unpack("qq", cuda.read(memory, 16, stream))
    del scratch
    if place >= 0:
        raise ValueError(
            f"{name}: label {label} is out of range for {entry.classes} classes, at flat index {place} of "
            "the labels"
        )


def aligned_bytes(size, device, lead):
    """Memory of the caller's library, and an address in it that is a multiple of 256.

    The library gives it to others only behind what is on the stream by then.
    """
    library, source, name = lead
    scratch, address = library.new((size + 255,), ELEMENTS["uint8"], device, False, source, name)
    return scratch, (address + 255) & -256
