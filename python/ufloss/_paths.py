"""Where the headers and the build files of the C++ core lie, in a wheel and in an editable install alike."""

from pathlib import Path


def _find(*parts, mark):
    """The installed folder `parts`, known by the file `mark` in it: in an editable install a folder is a
    merged view of several.
    """
    from importlib.resources import files  # dear to import, and only builders need it

    found = Path(str(files("ufloss").joinpath(*parts, *Path(mark).parts)))
    if not found.exists():
        raise FileNotFoundError(f"{'/'.join(parts)} of ufloss is not installed")
    return str(found.parents[len(Path(mark).parts) - 1])


def get_include():
    """Folder of the C++ headers, for `#include <ufloss/ufloss.hpp>`.

    Returns
    -------
    str
        Give it to the compiler with -I, together with the flags that ``python -m ufloss --includes`` prints.

    Examples
    --------
    >>> import os, ufloss
    >>> os.path.exists(os.path.join(ufloss.get_include(), "ufloss", "ufloss.hpp"))
    True
    """
    return _find("include", mark="ufloss/ufloss.hpp")


def get_third_party_include():
    """Folder of the xsimd headers that the C++ headers use."""
    return _find("third_party", mark="xsimd/xsimd.hpp")


def get_cmake_dir():
    """Folder for `ufloss_DIR` in a CMake build."""
    return _find("share", "cmake", "ufloss", mark="ufloss-config.cmake")


def get_pkgconfig_dir():
    """Folder for `PKG_CONFIG_PATH`."""
    return _find("share", "pkgconfig", mark="ufloss.pc")
