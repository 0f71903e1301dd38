#!/usr/bin/env python3
"""Writes breast_cancer.libsvm and digits.libsvm from the copies of the UCI sets that scikit-learn bundles.

Needs: pip install scikit-learn. The same bytes on every machine: all arithmetic is +, -, *, / on f64.
    python3 examples/data/make.py            writes the files beside this script
    python3 examples/data/make.py --check    only compares; exit code 1 if a file differs
"""

import pathlib
import sys

try:
    from sklearn.datasets import load_breast_cancer, load_digits
except ImportError:
    sys.exit("make.py needs scikit-learn: pip install scikit-learn")


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


def main():
    check, stale = "--check" in sys.argv[1:], False
    for name, made in (("breast_cancer", breast_cancer), ("digits", digits)):
        path = pathlib.Path(__file__).parent / f"{name}.libsvm"
        text = "".join(made()).encode()
        if not check:
            path.write_bytes(text)
        elif not path.exists() or path.read_bytes() != text:
            stale = True
            print(f"{path} is not what make.py makes", file=sys.stderr)
    sys.exit(stale)


if __name__ == "__main__":
    main()
