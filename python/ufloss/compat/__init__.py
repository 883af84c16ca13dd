"""Call-compatible modules for three other systems: `optax`, `axon` and `gluon`.

Each takes the arguments of its system, in that system's order and with its defaults, and gives its results; the core computes them.
None is imported with ``ufloss`` itself.

>>> from ufloss.compat import optax
>>> optax.huber_loss([0.5, 3.0])
array([0.125, 2.5  ])
"""

__all__ = ["axon", "gluon", "optax"]
