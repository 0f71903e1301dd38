#!/usr/bin/env python3
"""Compares sgd with independent solvers on the bundled data.

    python3 examples/sgd/check.py [PROGRAM]

Needs: pip install numpy scikit-learn. PROGRAM is a release build of sgd; without it, cargo makes one.
Exit code 1 if a tolerance is missed.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from sklearn.datasets import load_svmlight_file
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
    from sklearn.svm import SVC
except ImportError as missing:
    sys.exit(f"check.py needs {missing.name}: pip install numpy scikit-learn")

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "breast_cancer.libsvm"
PROGRAM = sys.argv[1:] or ["cargo", "run", "--quiet", "--release", "-p", "sgd", "--"]
L2 = 0.01
# Flags, and how far above the optimum, as a share of it, the result may be with so many splits.
CASES = {
    "logistic": ("--rate 0.1 --decay 0.02", {1: 1e-6, 4: 2e-4}),
    "hinge": ("--rate 0.5 --decay 0.5", {1: 5e-4, 4: 4e-3}),
    "squared": ("--rate 0.05 --decay 0.1", {1: 2e-6, 4: 5e-4}),
}
# An objective is a mean of 569 losses that f32 arithmetic made, each good to about 1e-7.
SAME = 1e-6

rows, labels = load_svmlight_file(str(DATA), dtype=np.float32)  # f32, as sgd stores them
rows = rows.toarray().astype(np.float64)
labels = labels.astype(np.float64)
count, columns = rows.shape
wide = np.hstack([rows, np.ones((count, 1))])  # the last weight is the intercept,
penalty = L2 * np.diag([1.0] * columns + [0.0])  # which is not penalised


def objective(loss, weights):
    scores = wide @ weights
    losses = {
        "logistic": lambda: np.logaddexp(0.0, -labels * scores),
        "hinge": lambda: np.maximum(0.0, 1.0 - labels * scores),
        "squared": lambda: 0.5 * (scores - labels) ** 2,
    }
    return losses[loss]().mean() + 0.5 * weights @ penalty @ weights


def optimum(loss):
    """The least objective, and a bound on how far from it the solver can be."""
    if loss == "squared":
        weights = np.linalg.solve(wide.T @ wide / count + penalty, wide.T @ labels / count)
        left = wide.T @ (wide @ weights - labels) / count + penalty @ weights
        return objective(loss, weights), np.abs(left).max()
    if loss == "logistic":
        weights = np.zeros(columns + 1)
        for _ in range(50):  # Newton's method; from zeros it needs no line search here
            chance = 1.0 / (1.0 + np.exp(labels * (wide @ weights)))
            gradient = wide.T @ (-labels * chance) / count + penalty @ weights
            if np.abs(gradient).max() < 1e-14:
                break
            hessian = (wide.T * (chance * (1.0 - chance))) @ wide / count + penalty
            weights -= np.linalg.solve(hessian, gradient)
        return objective(loss, weights), np.abs(gradient).max()
    # LIBSVM minimises |w|^2 / 2 + C * sum of losses: the same, divided by l2, if C = 1 / (l2 * rows).
    machine = SVC(kernel="linear", C=1.0 / (L2 * count), tol=1e-9).fit(rows, labels)
    weights = np.append(machine.coef_[0], machine.intercept_[0])
    dual = L2 * (np.abs(machine.dual_coef_).sum() - 0.5 * machine.coef_[0] @ machine.coef_[0])
    return objective(loss, weights), objective(loss, weights) - dual


def sgd(*flags):
    done = subprocess.run([*PROGRAM, "--input", str(DATA), "--progress", "never", *flags], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"sgd {' '.join(flags)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


missed = []


def expect(what, value, bound):
    if not value <= bound:  # a NaN misses too
        missed.append(f"{what}: {value:.3g} is above {bound:g}")


def check_predictions(loss, weights, model, directory):
    """The scores and part files of --predict beside scikit-learn's metrics of numpy's predictions."""
    found = sgd("--loss", loss, "--predict", model, "--output", directory, "--splits", "3")
    scores = wide @ weights
    values, mean = scores, np.maximum(0.0, 1.0 - labels * scores).mean()
    if loss == "logistic":
        values = 1.0 / (1.0 + np.exp(-scores))
        mean = log_loss(labels, values)
    written = np.concatenate([np.loadtxt(part, ndmin=1) for part in sorted(pathlib.Path(directory).glob("part-*"))])
    expect(f"{loss}: predictions", np.abs(written - values).max() if written.size == count else np.inf, 1e-5)
    expect(f"{loss}: loss of predictions", abs(found["loss"] / mean - 1.0), SAME)
    expect(f"{loss}: accuracy", abs(found["accuracy"] - accuracy_score(labels > 0, scores > 0)), 1e-12)
    expect(f"{loss}: AUC", abs(found["auc"] - roc_auc_score(labels, scores.astype(np.float32))), 1e-9)
    print(f"{'':9}predictions: loss {found['loss']:.6f}, accuracy {found['accuracy']:.4f}, AUC {found['auc']:.5f}: as scikit-learn")


print("loss      splits  optimum      sgd          numpy on model.npz   above the optimum")
for loss, (flags, gaps) in CASES.items():
    best, doubt = optimum(loss)
    expect(f"{loss}: solver", doubt, 1e-6 * best)
    for splits, gap in gaps.items():
        with tempfile.TemporaryDirectory() as directory:
            model = f"{directory}/model"
            run = sgd("--loss", loss, *flags.split(), "--l2", str(L2), "--passes", "2000", "--splits", str(splits), "--output", model)
            arrays = np.load(f"{model}/model.npz")
            weights = np.append(arrays["coef_"][0], arrays["intercept_"]).astype(np.float64)
            again = objective(loss, weights)
            expect(f"{loss}, {splits} splits: sgd's objective beside numpy's", abs(run["objective"] / again - 1.0), SAME)
            expect(f"{loss}, {splits} splits: above the optimum", again / best - 1.0, gap)
            expect(f"{loss}, {splits} splits: below the optimum", 1.0 - again / best, SAME)
            print(f"{loss:9} {splits:6}  {best:.9f}  {run['objective']:.9f}  {again:.9f}  {again / best - 1.0:18.1e}")
            if splits == 4 and loss != "squared":
                check_predictions(loss, weights, model, f"{directory}/predictions")
if missed:
    sys.exit("missed: " + "\n        ".join(missed))
