"""Labels, lengths and masks that another thread changes during a call."""

import pytest

from limits.child import run

FLIPS = """
BAD = [-1, 2**40, -(2**40), 2**50, 2**62, -(2**62), -(2**63), 400, 10**6]
sys.setswitchinterval(1e-5)
stop, changing = False, []  # pairs of an array and of what is right in it


def flip():
    dice = np.random.default_rng(1)
    while not stop:  # right most of the time, so that calls begin, and wrong at any moment
        for k in dice.integers(0, 2**62, 20):
            array, right = changing[k % len(changing)]
            place = slice(dice.integers(0, len(array)), None)
            array[place] = False if array.dtype == bool else BAD[dice.integers(0, len(BAD))]
            if dice.random() < 0.3:
                time.sleep(0)
            array[...] = right
            time.sleep(0)
        time.sleep(1e-3)


def rows():
    for n, batch, dtype in (
        (400, 300, "f4"),
        (10, 60000, "f4"),
        (10, 60000, "f2"),
        (600, 1000, "f4"),
        (600, 1000, "f8"),
        (3000, 200, "f4"),
    ):
        x, right = rng.standard_normal((batch, n)).astype(dtype), rng.integers(0, n, batch)
        labels, mask = right.copy(), np.ones(x.shape, bool)
        out, across = (np.zeros(batch, dtype), np.zeros(x.shape, dtype)), np.asfortranarray(x)
        for loss in (
            ul.softmax_cross_entropy_with_integer_labels,
            ul.multiclass_hinge_loss,
            ul.nll_loss_with_integer_labels,
        ):
            yield (
                [(labels, right)],
                [
                    lambda: loss(x, labels),
                    lambda: loss.grad(across, labels),
                    lambda: loss.value_and_grad(x, labels, out=out),
                ],
            )
            yield (
                [(labels, right), (mask, True)],
                [lambda: loss.value_and_grad(x, labels, where=mask, out=out)],
            )


def sequences():
    for batch, frames, n in ((8, 200, 60), (64, 60, 20)):
        x, mask = rng.standard_normal((batch, frames, 20)).astype("f4"), np.ones((batch, frames), bool)
        right = (
            rng.integers(1, 20, (batch, n)),
            np.full(batch, frames),
            np.full(batch, n),
            np.zeros(batch, int),
        )
        args = [a.copy() for a in right]
        for f in ctc.UFUNCS.values():
            yield list(zip(args, right)), [lambda: f(x, *args)]
            yield [*zip(args, right), (mask, True)], [lambda: f(x, *args, where=mask)]


def pairs():
    for shape, classes in (((300,), 400), ((8, 96), 48)):
        x, right = rng.standard_normal((*shape, 32)).astype("f4"), rng.integers(0, classes, shape)
        labels, mask = right.copy(), np.ones(shape, bool)
        for loss in (ul.ntxent_loss, ul.supervised_contrastive_loss):
            yield [(labels, right)], [lambda: loss(x, labels), lambda: loss.value_and_grad(x, labels)]
            yield (
                [(labels, right), (mask, True)],
                [lambda: loss(x, labels, where=mask), lambda: loss.grad(x, labels, where=mask)],
            )


thread = None
for changing, calls in <group>():
    if thread is None:
        thread = threading.Thread(target=flip, daemon=True)
        thread.start()
    for call in calls:
        done = refused = 0
        end = time.monotonic() + <seconds>
        while time.monotonic() < end or (
            <refuses> and not (done and refused) and time.monotonic() < end + 10
        ):
            try:
                call()
                done += 1
            except ValueError as error:
                assert any(
                    word in str(error)
                    for word in (
                        "out of range",
                        "is the blank",
                        "logit_length",
                        "label_length",
                        "not a class",
                    )
                ), error
                refused += 1
        assert done, refused
        assert (refused > 0) == <refuses>, (done, refused)
        say(done, refused)
stop = True
thread.join()
"""


@pytest.mark.parametrize(
    ("group", "refuses", "seconds"), [("rows", True, 0.02), ("sequences", True, 0.05), ("pairs", False, 0.1)]
)
def test_data_that_change_during_a_call(group, refuses, seconds):
    """Each call gives some result or says what it read that is wrong, which labels of pairs cannot be; and
    both happen.
    """
    assert run(FLIPS.replace("<group>", group), refuses=refuses, seconds=seconds)
