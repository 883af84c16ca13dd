"""The worst data take a few times as long as typical data, at most."""

from limits.child import run

# How many times as long as typical data the worst data may take: about three times what is measured, the
# largest of GCC and Clang on x86-64-v3 and v4, which stands beside it; x86-64-v2, which masks otherwise, is
# within too. The aim is 1.3.
SLOWEST = {
    "rows, logits of scale 60": 3.6,  # 1.2
    "rows, an infinite logit": 3,  # 1.0
    "rows, subnormal logits": 6.5,  # 2.2
    "rows, masked elements": 10,  # 3.4, on v2 6.3
    "rows, masked rows": 8,  # 2.7
    "elements, confident, sigmoid_binary_cross_entropy.value_and_grad": 7,  # 2.3
    "elements, confident, logistic_loss": 6.5,  # 2.1
    "elements, confident, sigmoid_focal_loss.hess": 12,  # 2.4, with Clang 4.2
    "elements, infinities": 7,  # 2.3
    "elements, subnormal": 4,  # 1.2, on v2 2.5
    "means, zero weights": 3,  # 1.0
    "ctc, confident": 8,  # 2.6, on v2 3.1
    "ctc, infinities": 2.6,  # 0.86
}
SLOW = """
CE, BCE = (
    ul.softmax_cross_entropy_with_integer_labels.value_and_grad,
    ul.sigmoid_binary_cross_entropy.value_and_grad,
)
x, labels = rng.standard_normal((100, 2000)).astype("f4"), rng.integers(0, 2000, 100)
t = (rng.random(x.shape) < 0.5).astype("f4")
steep, steeper, endless, tiny = x * np.float32(60), x * np.float32(120), x.copy(), (x * 1e-41).astype("f4")
endless[:, 5] = -np.inf
full_of_infinities = np.where(np.arange(2000) % 16, x, -np.inf).astype("f4")
turned = tiny.T.reshape(x.shape)
frames, spelt = rng.standard_normal((4, 200, 40)).astype("f4"), rng.integers(1, 40, (4, 50))
confident, holes = frames * 60, frames.copy()
holes[:, :, 7] = -np.inf
some, rows = rng.random(x.shape) < 0.9, np.repeat(rng.random((100, 1)) < 0.5, 2000, 1)
w, zeros = np.ones((2, *x.shape))
zeros[...] = 0
PAIRS = {
    "rows, logits of scale 60": (lambda: CE(x, labels), lambda: CE(steep, labels)),
    "rows, an infinite logit": (lambda: CE(x, labels), lambda: CE(endless, labels)),
    "rows, subnormal logits": (lambda: CE(x, labels), lambda: CE(tiny, labels)),
    "rows, masked elements": (lambda: CE(x, labels), lambda: CE(x, labels, where=some)),
    "rows, masked rows": (lambda: CE(x, labels), lambda: CE(x, labels, where=rows)),
    **{
        f"elements, confident, {f.__name__}": (lambda f=f: f(x, t), lambda f=f: f(steeper, t))
        for f in (BCE, ul.logistic_loss, ul.sigmoid_focal_loss.hess)
    },
    "elements, infinities": (lambda: BCE(x, t), lambda: BCE(full_of_infinities, t)),
    "elements, subnormal": (
        lambda: ul.squared_error.value_and_grad(x, t),
        lambda: ul.squared_error.value_and_grad(tiny, turned),
    ),
    "means, zero weights": (
        lambda: ul.huber_loss.mean(x, t, weights=w),
        lambda: ul.huber_loss.mean(x, t, weights=zeros),
    ),
    "ctc, confident": (
        lambda: ctc.loss.value_and_grad(frames, spelt),
        lambda: ctc.loss.value_and_grad(confident, spelt),
    ),
    "ctc, infinities": (
        lambda: ctc.loss.value_and_grad(frames, spelt),
        lambda: ctc.loss.value_and_grad(holes, spelt),
    ),
}


def clock(call):
    start = time.thread_time()
    call()
    return time.thread_time() - start


for name, pair in PAIRS.items():
    best = [min(times) for times in zip(*[[clock(call) for call in pair] for _ in range(9)])]
    say(name, best[1] / best[0], sep="\\t")
"""


def test_no_data_take_much_longer():
    ratios = {name: float(ratio) for name, ratio in (line.split("\t") for line in run(SLOW))}
    assert ratios.keys() == SLOWEST.keys()
    slow = {
        name: f"{ratio:.1f} times as long, not {SLOWEST[name]}"
        for name, ratio in ratios.items()
        if ratio > SLOWEST[name]
    }
    assert not slow, slow
