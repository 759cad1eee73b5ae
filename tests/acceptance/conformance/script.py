"""An example's source as it is run: the same text by plain PyNEST and through ``/exec``."""

from __future__ import annotations

from pathlib import Path

_DRAWN = Path(__file__).with_name("drawn.py")


def composed(source: str, path: Path, drawn: Path) -> str:
    """``source`` with what ``python path`` would set up before it, and its drawings kept after.

    All of the preparation is in the first line, a comment in every example, so that line numbers
    stay. It leaves no names behind. Random numbers that are not NEST's begin with the same seed.

    Parameters
    ----------
    source : of the example
    path : of its copy, in whose directory it works
    drawn : where to save the numbers in its figures

    Raises
    ------
    ValueError
        If the first line is no comment.
    """
    first, _, rest = source.partition("\n")
    if not first.startswith("#"):
        raise ValueError(f"the first line of {path.name} is no comment")
    home, name = repr(str(path.parent)), repr(str(path))
    prepared = (
        f"__import__('os').chdir({home})",
        "__import__('os').environ['MPLBACKEND'] = 'Agg'",
        f"__import__('sys').path.insert(0, {home})",
        f"__import__('sys').argv[:] = [{name}]",
        f"__file__ = {name}",
        "__name__ = '__main__'",
        "__import__('random').seed(1)",
        "__import__('numpy').random.seed(1)",
    )
    kept = f"__import__('runpy').run_path({str(_DRAWN)!r}, {{'TARGET': {str(drawn)!r}}})"
    return "; ".join(prepared) + "\n" + rest.rstrip("\n") + "\n" + kept + "\n"
