"""Code in a child process that finds every loss and arguments for it: what fails there dies."""

import textwrap

from children import run_child

COMMON = """
from ufloss import ctc
from internals import ALL
from ufloss.compat import axon, gluon, optax

rng = np.random.default_rng(0)

def say(*words, **options):
    print(*words, flush=True, **options)

def draw(loss, batch, n, dtype):
    # Arguments of a row or elementwise loss.
    args = []
    for a in loss["args"]:
        shape = (batch, n) if a["along"] or loss["dims"] == "" else (batch,)
        if a["role"] == "label":
            args.append(rng.integers(0, n, batch))
        elif a["default"] is not None:
            break
        else:
            args.append(rng.uniform(0.1, 0.9, shape).astype(dtype))
    return args

def derivatives(loss):
    value = getattr(ul, loss["name"])
    return [getattr(value, attribute) if attribute else value for attribute in loss["outputs"]]
"""


def run(code, *, timeout=120, **words):
    """The lines that a child process prints; a child that dies fails the test with the last of them."""
    text = COMMON + textwrap.dedent(code)
    for word, value in words.items():
        text = text.replace(f"<{word}>", repr(value))
    return run_child(text, timeout=timeout).splitlines()
