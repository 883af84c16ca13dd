"""Teach a small model in plain NumPy to read lines of handwritten digits, with CTC from ufloss: nobody tells
it where a digit stands.

    python docs/examples/ctc_digits.py [--steps N] [--plot FILE]

Scikit-learn's bundled digits are set side by side, with random gaps, into lines of four to eight; lines of
the test part are made of digits that the training never saw.  Prints the progress and the share of wrong
digits, and saves a picture of one alignment.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import ufloss as ul

BLANK, HEIGHT, WINDOW = 10, 8, 9  # classes 0 to 9 are the digits; a frame sees so many columns


def load(seed=0):
    """Images of digits and what they show: (images, digits) for training, and of the last fifth for the
    test.
    """
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    cut = len(order) * 4 // 5
    return [(digits.images[part] / 16, digits.target[part]) for part in (order[:cut], order[cut:])]


def make_lines(rng, images, digits, count):
    """Lines as arrays (count, HEIGHT, width) padded with white on the right, their widths, their digits
    padded with 0, and how many.
    """
    lengths = rng.integers(4, 9, count)
    labels = np.zeros((count, lengths.max()), np.int64)
    lines = []
    for i, length in enumerate(lengths):
        chosen = rng.integers(0, len(digits), length)
        labels[i, :length] = digits[chosen]
        parts = [np.zeros((HEIGHT, WINDOW // 2))]
        for image in images[chosen]:
            parts += [image, np.zeros((HEIGHT, rng.integers(0, 4)))]
        lines.append(np.hstack(parts))
    widths = np.array([line.shape[1] for line in lines])
    padded = np.stack(
        [np.pad(line, ((0, 0), (0, widths.max() + WINDOW - 1 - line.shape[1]))) for line in lines]
    )
    return padded, widths, labels, lengths


def frames_of(lines):
    """What each frame sees: (count, frames, HEIGHT * WINDOW), a frame a column."""
    windows = np.lib.stride_tricks.sliding_window_view(lines, WINDOW, axis=2)
    return np.moveaxis(windows, 1, 2).reshape(len(lines), windows.shape[2], HEIGHT * WINDOW)


class Model:
    """Two layers on each frame, trained by Adam."""

    def __init__(self, rng, hidden=128):
        sizes = [(HEIGHT * WINDOW, hidden), (hidden, 11)]
        self.parameters = [p for n, m in sizes for p in (rng.normal(0, np.sqrt(2 / n), (n, m)), np.zeros(m))]
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self.parameters]
        self.steps = 0

    def __call__(self, x):
        w1, b1, w2, b2 = self.parameters
        self.x, self.h = x, np.maximum(x @ w1 + b1, 0)
        return self.h @ w2 + b2

    def learn(self, grad, rate):
        """One step against the gradient with respect to the logits of the last call."""
        w2 = self.parameters[2]
        x, h, grad = (
            self.x.reshape(-1, self.x.shape[-1]),
            self.h.reshape(-1, self.h.shape[-1]),
            grad.reshape(-1, grad.shape[-1]),
        )
        inner = (grad @ w2.T) * (h > 0)
        self.steps += 1
        for p, g, (mean, square) in zip(
            self.parameters, (x.T @ inner, inner.sum(0), h.T @ grad, grad.sum(0)), self.moments, strict=True
        ):
            mean += 0.1 * (g - mean)
            square += 0.001 * (g * g - square)
            p -= rate * (mean / (1 - 0.9**self.steps)) / (np.sqrt(square / (1 - 0.999**self.steps)) + 1e-8)


def read(logits, widths):
    """The likeliest class of each frame, without repeats and blanks."""
    best = logits.argmax(-1)
    lines = [row[:width] for row, width in zip(best, widths, strict=True)]
    return [
        [int(k) for i, k in enumerate(row) if k != BLANK and (i == 0 or k != row[i - 1])] for row in lines
    ]


def distance(a, b):
    """Insertions, deletions and substitutions that make a of b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        row, before = [i + 1], row
        for j, y in enumerate(b):
            row.append(min(before[j] + (x != y), before[j + 1] + 1, row[j] + 1))
    return row[-1]


def error_rate(model, lines, widths, labels, lengths):
    """Share of wrong digits."""
    truth = [row[:n].tolist() for row, n in zip(labels, lengths, strict=True)]
    said = read(model(frames_of(lines)), widths)
    return sum(map(distance, said, truth)) / lengths.sum()


def train(model, rng, images, digits, steps, batch=32):
    for step in range(steps):
        lines, widths, labels, lengths = make_lines(rng, images, digits, batch)
        logits = model(frames_of(lines))
        loss, grad = ul.ctc.loss.value_and_grad(logits, labels, widths, lengths, BLANK)
        model.learn(grad / batch, rate=3e-3 * min(1, 2 - 2 * step / steps))
        if step % max(1, steps // 10) == 0 or step == steps - 1:
            print(
                f"step {step:4d}  loss a line {loss.mean():8.3f}  wrong digits "
                f"{error_rate(model, lines, widths, labels, lengths):6.1%}"
            )


def plot(model, lines, widths, labels, lengths, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    width, label = widths[0], labels[0, : lengths[0]]
    logits = model(frames_of(lines[:1]))[0, :width]
    states, _ = ul.ctc.align(logits, label, blank=BLANK)
    chances = ul.ctc.posteriors(logits, label, blank=BLANK)
    figure, (top, bottom) = plt.subplots(
        2, 1, sharex=True, figsize=(9, 5), height_ratios=[1, 2], layout="constrained"
    )
    top.imshow(lines[0, :, WINDOW // 2 : WINDOW // 2 + width], cmap="gray_r", aspect="auto")
    top.set(title="A line that the model never saw", yticks=[])
    bottom.imshow(chances.T, cmap="Blues", aspect="auto", vmin=0, vmax=1)
    bottom.plot(states, color="tab:red", linewidth=1, label="best path")
    ticks = [str(label[s // 2]) if s % 2 else "-" for s in range(2 * len(label) + 1)]
    bottom.set(
        title="Where it stands: the chance of each state, given the digits",
        xlabel="frame",
        ylabel="state",
        yticks=range(len(ticks)),
        yticklabels=ticks,
    )
    bottom.legend(loc="lower left")
    figure.savefig(path, dpi=120)
    print(f"alignment saved as {path}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--plot", default="ctc_digits.png")
    args = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    seen, unseen = load()
    model = Model(rng)
    train(model, rng, *seen, args.steps)
    test = make_lines(np.random.default_rng(1), *unseen, 400)
    rate = error_rate(model, *test)
    print(f"400 lines of unseen digits: {rate:.1%} of the digits are wrong")
    plot(model, *test, args.plot)
    return rate


if __name__ == "__main__":
    main()
