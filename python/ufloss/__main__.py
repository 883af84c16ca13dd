"""Command line: what a compiler or a build system needs to know of the installed C++ core."""

import argparse
import os
import shlex
import subprocess

import ufloss
from ufloss import _paths


def main():
    parser = argparse.ArgumentParser(
        prog="python -m ufloss", description="Build against the C++ core of ufloss."
    )
    parser.add_argument("--version", action="version", version=ufloss.__version__)
    parser.add_argument(
        "--includes",
        action="store_true",
        help="compiler flags, quoted for the shell: include folders and what the numerics need",
    )
    parser.add_argument("--cmakedir", action="store_true", help="value for ufloss_DIR")
    parser.add_argument("--pkgconfigdir", action="store_true", help="value for PKG_CONFIG_PATH")
    parser.add_argument("--config", action="store_true", help="version and instruction sets")
    args = parser.parse_args()
    if not any(vars(args).values()):
        parser.print_help()
    if args.includes:
        quoted = subprocess.list2cmdline if os.name == "nt" else shlex.join
        folders = (ufloss.get_include(), _paths.get_third_party_include())
        print(quoted(["-std=c++17", "-ffp-contract=off", "-fno-math-errno", *(f"-I{f}" for f in folders)]))
    if args.cmakedir:
        print(_paths.get_cmake_dir())
    if args.pkgconfigdir:
        print(_paths.get_pkgconfig_dir())
    if args.config:
        ufloss.show_config()


if __name__ == "__main__":
    main()
