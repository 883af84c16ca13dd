"""Write docs/losses.md from the registry of the installed package."""

from pathlib import Path

from ufloss import _docs
from ufloss._registry import ALL


def page():
    lines = [
        "# All losses",
        "",
        "Written by docs/make.py from the registry. Each is a NumPy ufunc; arguments with a "
        "default may be left out.",
        "",
    ]
    for loss in ALL:
        args = ", ".join(
            a["name"] if a["default"] is None else f"{a['name']}={_docs.format_default(a['default'])}"
            for a in loss["args"]
        )
        lines += [f"## {loss['name']}({args})", "", loss["summary"], "", "```", loss["formula"], "```", ""]
        lines += [f"- `{a['name']}`: {_docs.argument_text(a)}" for a in loss["args"]]
        lines += ["", loss["notes"], "", _docs.accuracy_note(loss, loss["parts"]), ""]
        lines += ["```python", *loss["example"].splitlines(), "```", ""]
        derived = [f"`{a}`" for a in loss["outputs"] if a]
        lines += [
            f"Attributes: {', '.join(derived)}." if derived else "It has no derivatives.",
            "",
            f"Source: {loss['source']}",
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    (Path(__file__).parent / "losses.md").write_text(page())
