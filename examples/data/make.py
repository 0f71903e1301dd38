#!/usr/bin/env python3
"""Writes the data sets beside it from the copies that scikit-learn and networkx bundle.

Needs: pip install scikit-learn networkx. The same bytes on every machine: all arithmetic is +, -, *, / on f64.
    python3 examples/data/make.py            writes the files beside this script
    python3 examples/data/make.py --check    only compares; exit code 1 if a file differs
"""

import pathlib
import sys

try:
    from networkx import karate_club_graph
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
except ImportError as missing:
    sys.exit(f"make.py needs {missing.name}: pip install scikit-learn networkx")


def lines(labels, rows):
    """LibSVM: columns from 1, zeros left out, six significant digits."""
    for label, row in zip(labels, rows):
        numbers = (f" {column}:{value:.6g}" for column, value in enumerate(row, 1) if value != 0)
        yield label + "".join(numbers) + "\n"


def breast_cancer():
    """Each column to [-1, 1] by its least and greatest value; benign (the source's class 1) is +1."""
    rows, classes = load_breast_cancer(return_X_y=True)
    low, high = rows.min(axis=0), rows.max(axis=0)
    scaled = 2.0 * (rows - low) / (high - low) - 1.0
    return lines(["+1" if benign else "-1" for benign in classes], scaled)


def digits():
    """Pixels of 0 to 16 to [0, 1]; the label is the digit."""
    rows, classes = load_digits(return_X_y=True)
    return lines([str(digit) for digit in classes], rows / 16.0)


def iris():
    """Centimetres as they are; the label is the species, 0 to 2."""
    rows, classes = load_iris(return_X_y=True)
    return lines([str(species) for species in classes], rows)


def diabetes():
    """Columns centred and scaled to a sum of squares of 1, as scikit-learn has them; the label is the progression."""
    rows, progress = load_diabetes(return_X_y=True)
    return lines([f"{value:.6g}" for value in progress], rows)


def karate():
    """Two members who met outside the club, from 0."""
    return (f"{one} {other}\n" for one, other in karate_club_graph().edges())


SETS = {
    "breast_cancer.libsvm": breast_cancer,
    "digits.libsvm": digits,
    "iris.libsvm": iris,
    "diabetes.libsvm": diabetes,
    "karate.edges": karate,
}


def main():
    check, stale = "--check" in sys.argv[1:], False
    for name, made in SETS.items():
        path = pathlib.Path(__file__).parent / name
        text = "".join(made()).encode()
        if not check:
            path.write_bytes(text)
        elif not path.exists() or path.read_bytes() != text:
            stale = True
            print(f"{path} is not what make.py makes", file=sys.stderr)
    sys.exit(stale)


if __name__ == "__main__":
    main()
