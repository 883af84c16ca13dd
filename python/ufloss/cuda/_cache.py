"""Compiled kernels on disk, shared by all processes.

A file a kernel, named by the hash of all that it was made from.  Files come into being whole, under a lock
that others wait for, and carry a hash of their own: what is damaged is compiled anew, with a warning.
"""

import contextlib
import hashlib
import os
import sys
import tempfile
import warnings
from pathlib import Path

VARIABLE = "UFLOSS_CACHE_DIR"
MAGIC = b"ufloss-kernel-1\n"


def folder():
    """Where kernels are kept: UFLOSS_CACHE_DIR, or the user's folder for caches."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "ufloss" / "Cache"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and os.path.isabs(base) else Path.home() / ".cache") / "ufloss"


def key_of(*parts):
    """A name for what texts and numbers say together; no two sequences of them have the same."""
    hashed = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        hashed.update(len(data).to_bytes(8, "little"))
        hashed.update(data)
    return hashed.hexdigest()


def load(path):
    """The image in a file, None where there is none; ValueError for a damaged one."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, image = data[len(MAGIC) : len(MAGIC) + 32], data[len(MAGIC) + 32 :]
    if not data.startswith(MAGIC) or hashlib.sha256(image).digest() != digest:
        raise ValueError("it is damaged")
    return image


def store(path, image):
    """Puts a whole file in its place: readers see the old one or the new one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(image).digest() + image)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def open_lock(path):
    """Alone, until this file is closed, in the part of the folder that `path` lies in.

    Where a file system knows no locks, two processes may compile the same kernel; either file is right.
    """
    file = open(path.parent / f"{path.name[:2]}.lock", "ab")  # noqa: SIM115
    with contextlib.suppress(OSError, ImportError):
        lock(file)
    return file


def lock(file):
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


warned = set()


def warn_once(text):
    """Of a folder that cannot be used, all calls would say the same."""
    if text not in warned:
        warned.add(text)
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def find_or_make(key, make):
    """The image of that key from the disk; made, and kept there, where it is not there."""
    path = folder() / f"{key}.kernel"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(ValueError):
            image = load(path)
            if image is not None:
                return image
        alone = open_lock(path)
    except OSError as error:
        unusable(path.parent, error)
        return make()
    with alone:
        image = read_again(path)
        if image is None:
            image = make()
            try:
                store(path, image)
            except OSError as error:
                unusable(path.parent, error)
        return image


def read_again(path):
    """What another process may have made while this one waited for the lock."""
    try:
        return load(path)
    except (ValueError, OSError) as error:
        warnings.warn(
            f"ufloss.cuda: {path} cannot be used ({error}): the kernel is compiled anew",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def unusable(where, error):
    warn_once(
        f"ufloss.cuda: kernels cannot be kept in {where} ({error}), and are compiled in every process; "
        f"{VARIABLE} names another folder"
    )
