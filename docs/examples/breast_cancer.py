"""Train a logistic model in plain NumPy on scikit-learn's breast-cancer data, with the loss and its gradient
from ufloss.

    python docs/examples/breast_cancer.py [--steps N] [--plot FILE]

Prints the progress, then loss and accuracy on the training and on the test part, and saves the loss curve as
a picture.
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer

import ufloss as ul


def load(seed=0):
    """Standardised features and labels, split into 70 % for training and 30 % for the test."""
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = np.split(order, [int(0.7 * len(y))])
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    return x[train], y[train], x[test], y[test]


def train(x, y, x_test, y_test, steps, rate=0.5, penalty=1e-3):
    """Gradient descent on the mean loss; returns weights, bias and the losses of each step on both parts."""
    weights, bias, history = np.zeros(x.shape[1]), 0.0, []
    for step in range(steps):
        loss, slope = ul.sigmoid_binary_cross_entropy.mean.value_and_grad(x @ weights + bias, y)
        history.append((loss, ul.sigmoid_binary_cross_entropy.mean(x_test @ weights + bias, y_test)))
        weights -= rate * (x.T @ slope + penalty * weights)
        bias -= rate * slope.sum()
        if step % max(1, steps // 10) == 0:
            print(f"step {step:4d}  train loss {history[-1][0]:.4f}  test loss {history[-1][1]:.4f}")
    return weights, bias, history


def evaluate(x, y, weights, bias):
    """Mean loss and share of right answers."""
    logits = x @ weights + bias
    return ul.sigmoid_binary_cross_entropy.mean(logits, y), np.mean((logits > 0) == y)


def plot(history, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    axes.plot(history, label=["training part", "test part"])
    axes.legend()
    axes.set(
        xlabel="step", ylabel="mean loss", yscale="log", title="Logistic model of the breast-cancer data"
    )
    figure.savefig(path, dpi=120)
    print(f"loss curve saved as {path}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--plot", default="breast_cancer_loss.png")
    args = parser.parse_args(argv)
    x, y, x_test, y_test = load()
    weights, bias, history = train(x, y, x_test, y_test, args.steps)
    results = {"train": evaluate(x, y, weights, bias), "test": evaluate(x_test, y_test, weights, bias)}
    for part, (loss, accuracy) in results.items():
        print(f"{part:5s} loss {loss:.4f}  accuracy {accuracy:.3f}")
    plot(history, args.plot)
    return results


if __name__ == "__main__":
    main()
