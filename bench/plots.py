"""The bars of the speed-up over the best peer."""


def plot(rows, env, path):
    """Horizontal bars of the speed-up over the best peer, one panel an output."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter

    rows = [row for row in rows if row["ratio"]]
    outputs, losses = (
        list(dict.fromkeys(r["output"] for r in rows)),
        list(dict.fromkeys(r["loss"] for r in rows)),
    )
    if not rows:
        print("nothing to plot: no peer was timed")
        return
    fig, axes = plt.subplots(
        1,
        len(outputs),
        sharey=True,
        squeeze=False,
        layout="constrained",
        figsize=(3.0 + 4.0 * len(outputs), 1.8 + 0.27 * len(losses)),
    )
    top = max(r["ratio"] for r in rows)
    for ax, output in zip(axes[0], outputs, strict=True):
        mine = [r for r in rows if r["output"] == output]
        for r in mine:
            ratio, y = r["ratio"], losses.index(r["loss"])
            ax.barh(y, ratio - 1, left=1, height=0.72, color="#4878a8" if ratio >= 1 else "#c44e52")
            digits = f"{ratio:.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 1.95 else f"{ratio:.2f}"
            ax.text(
                max(ratio, 1) * 1.06, y, f"{digits}  {r['best']}", va="center", fontsize=8, color="#333333"
            )
        ax.axvline(1, color="black", linewidth=1)
        ax.set_xscale("log")
        ax.set_xlim(min(0.7, *(r["ratio"] * 0.9 for r in rows)), top * 4.5)
        ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if ax.get_xlim()[0] <= t <= top * 1.3]
        ax.set_xticks(ticks, minor=False)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        ax.xaxis.set_minor_locator(plt.NullLocator())
        ax.set_axisbelow(True)
        ax.grid(axis="x", color="#dddddd", linewidth=0.7)
        ax.set_title(output, fontsize=11)
        ax.set_xlabel("times as fast as the best peer")
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0][0].set_yticks(range(len(losses)), losses)
    axes[0][0].set_ylim(len(losses) - 0.4, -0.6)
    arguments = env["arguments"]
    fig.suptitle(
        "ufloss beside the fastest of torch, torch.compile, optax/jax.jit, scikit-learn, numexpr, "
        "SciPy, NumPy\n"
        f"{arguments['size']:,} elements, {arguments['dtype']}, one thread, out= reused; "
        f"{env['cpu']}, {env['config']['instruction set']}",
        fontsize=10,
    )
    fig.savefig(path, dpi=130)
    print("wrote", path)
