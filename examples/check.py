#!/usr/bin/env python3
"""Compares the examples with scikit-learn and networkx for the same problems on the bundled data.

    python3 examples/check.py NAME [PROGRAM]

Needs: pip install numpy scipy scikit-learn networkx. NAME is an example (sgd has a script of its own), PROGRAM a build of it;
without one, cargo makes a release build. Prints what it compared: a figure and the bound that it must keep. Exit code 1 if one
is missed, 77 if a package is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

# Small problems: threads would only wait for each other.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


def lacking(missing):
    print(f"check.py needs {missing.name}: pip install numpy scipy scikit-learn networkx", file=sys.stderr)
    sys.exit(77)


try:
    import numpy as np
    import scipy  # noqa: F401
    from sklearn.datasets import load_svmlight_file
except ImportError as missing:
    lacking(missing)

DATA = pathlib.Path(__file__).resolve().parent / "data"
CHECKS = {}
missed = []


def check(function):
    CHECKS[function.__name__] = function
    return function


def expect(what, value, bound):
    """The value must not be above the bound; a NaN is."""
    good = value <= bound
    print(f"{what:72} {value:9.2e}  {'<=' if good else 'NOT <='} {bound:g}")
    if not good:
        missed.append(what)


def rows(name):
    """The rows as f32, which is how they are stored, in f64; and the labels."""
    found, labels = load_svmlight_file(str(DATA / f"{name}.libsvm"), dtype=np.float32)
    return found.toarray().astype(np.float64), labels.astype(np.float64)


def run(name, *flags, output=None):
    more = ["--output", output, "--overwrite"] if output else []
    flags = [str(flag) for flag in flags]
    done = subprocess.run([*PROGRAM, "--input", str(DATA / name), "--progress", "never", *flags, *more], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(flags)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def train(name, *flags):
    """The summary, and the model's arrays."""
    summary = run(name, *flags, output=f"{FOLDER}/model")
    return summary, np.load(f"{FOLDER}/model/model.npz")


def predict(name, *flags):
    """The summary of predicting with the last model, and the predictions."""
    summary = run(name, "--predict", f"{FOLDER}/model", *flags, output=f"{FOLDER}/predictions")
    parts = sorted(pathlib.Path(f"{FOLDER}/predictions").glob("part-*"))
    return summary, np.concatenate([np.loadtxt(part, ndmin=1) for part in parts])


@check
def lbfgs():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    x, y = rows("breast_cancer")
    for l2 in (0.01, 1e-4):
        for intercept in (True, False):
            what = f"l2 {l2:g}, intercept {intercept}: "
            flags = ("--l2", l2, "--intercept", str(intercept).lower(), "--splits", 4, "--passes", 2000)
            summary, model = train("breast_cancer.libsvm", *flags)
            # scikit-learn minimises |w|^2 / 2 + C * sum of losses: the same, divided by l2, if C = 1 / (l2 * rows).
            rival = LogisticRegression(C=1 / (l2 * len(y)), tol=1e-10, max_iter=100000, fit_intercept=intercept).fit(x, y)

            def objective(w, b):
                return np.logaddexp(0, -y * (x @ w + b)).mean() + 0.5 * l2 * w @ w

            best = objective(rival.coef_[0], rival.intercept_[0] if intercept else 0.0)
            w, b = model["coef_"][0].astype(np.float64), float(model["intercept_"][0])
            print(f"{what}{summary['passes']} passes, objective {summary['objective']:.9f}, scikit-learn's {best:.9f}")
            expect(what + "objective beside numpy's on model.npz", abs(summary["objective"] / objective(w, b) - 1), 1e-6)
            expect(what + "objective above scikit-learn's, as a share", objective(w, b) / best - 1, 3e-6)
            expect(what + "largest difference of a weight, as a share of the largest", np.abs(w - rival.coef_[0]).max() / np.abs(w).max(), 5e-3)
            if intercept:
                scores, values = predict("breast_cancer.libsvm", "--splits", 3)
                chances = rival.predict_proba(x)[:, 1]
                expect(what + "largest difference of a probability", np.abs(values - chances).max(), 2e-3)
                expect(what + "loss of predictions", abs(scores["loss"] - log_loss(y, chances)), 1e-4)
                expect(what + "accuracy", abs(scores["accuracy"] - rival.score(x, y)), 1e-12)
    softmax()


def softmax():
    from sklearn.linear_model import LogisticRegression

    x, y = rows("digits")
    for l2 in (0.1, 0.01):
        what = f"softmax, l2 {l2:g}: "
        summary, model = train("digits.libsvm", "--classes", 10, "--l2", l2, "--splits", 4, "--passes", 2000)
        rival = LogisticRegression(C=1 / (l2 * len(y)), tol=1e-8, max_iter=10000).fit(x, y)

        def objective(w, b):
            scores = x @ w.T + b
            own = scores[np.arange(len(y)), y.astype(int)]
            return (np.logaddexp.reduce(scores, axis=1) - own).mean() + 0.5 * l2 * (w * w).sum()

        best = objective(rival.coef_, rival.intercept_)
        w, b = model["coef_"].astype(np.float64), model["intercept_"].astype(np.float64)
        print(f"{what}{summary['passes']} passes, objective {summary['objective']:.9f}, scikit-learn's {best:.9f}")
        expect(what + "objective beside numpy's on model.npz", abs(summary["objective"] / objective(w, b) - 1), 1e-6)
        expect(what + "objective above scikit-learn's, as a share", objective(w, b) / best - 1, 3e-6)


@check
def ridge():
    from sklearn.linear_model import Ridge

    x, y = rows("diabetes")
    for l2 in (1e-6, 1e-3):
        for intercept in (True, False):
            what = f"l2 {l2:g}, intercept {intercept}: "
            flags = ("--l2", l2, "--intercept", str(intercept).lower(), "--splits", 4)
            summary, model = train("diabetes.libsvm", *flags)
            # scikit-learn minimises the sum of squares + alpha * |w|^2: the same, times 2 * rows, if alpha = l2 * rows.
            rival = Ridge(alpha=l2 * len(y), fit_intercept=intercept, solver="cholesky").fit(x, y)
            w, b = model["coef_"], float(model["intercept_"])
            objective = 0.5 * ((x @ w + b - y) ** 2).mean() + 0.5 * l2 * w @ w
            best = 0.5 * ((rival.predict(x) - y) ** 2).mean() + 0.5 * l2 * rival.coef_ @ rival.coef_
            print(f"{what}objective {summary['objective']:.9f}, scikit-learn's {best:.9f}")
            expect(what + "objective beside numpy's on model.npz", abs(summary["objective"] / objective - 1), 1e-12)
            expect(what + "objective beside scikit-learn's", abs(summary["objective"] / best - 1), 1e-12)
            expect(what + "largest difference of a weight, as a share of the largest", np.abs(w - rival.coef_).max() / np.abs(w).max(), 1e-9)
            expect(what + "difference of the intercept, as a share", abs(b - rival.intercept_) / max(abs(b), 1), 1e-9)
            _, values = predict("diabetes.libsvm", "--splits", 3)
            expect(what + "largest difference of a prediction, as a share", np.abs(values / rival.predict(x) - 1).max(), 1e-6)


@check
def naive_bayes():
    from sklearn.metrics import log_loss
    from sklearn.naive_bayes import GaussianNB, MultinomialNB

    rivals = {
        "multinomial": ("digits", MultinomialNB(), ["feature_log_prob_"]),
        "gaussian": ("iris", GaussianNB(), ["theta_", "var_"]),
    }
    for kind, (data, rival, arrays) in rivals.items():
        x, y = rows(data)
        rival.fit(x, y)
        summary, model = train(f"{data}.libsvm", "--kind", kind, "--splits", 4)
        scores, values = predict(f"{data}.libsvm", "--splits", 3)
        print(f"{kind}: loss {summary['objective']:.9f}, accuracy {scores['accuracy']:.6f}")
        for array in ["class_count_", *arrays]:
            expect(f"{kind}: largest difference in {array}, as a share", np.abs(model[array] / getattr(rival, array) - 1).max(), 1e-12)
        expect(f"{kind}: predictions that differ", (values != rival.predict(x)).sum(), 0)
        expect(f"{kind}: accuracy", abs(scores["accuracy"] - rival.score(x, y)), 1e-12)
        # scikit-learn rounds probabilities at 1 and 0 when it computes the loss.
        expect(f"{kind}: loss, as a share", abs(summary["objective"] / log_loss(y, rival.predict_proba(x)) - 1), 1e-6)


@check
def pagerank():
    try:
        import networkx
    except ImportError as missing:
        lacking(missing)
    pairs = np.loadtxt(DATA / "karate.edges", dtype=int)
    # Each edge once, from the lower to the higher node, leaves dangling nodes.
    for what, flags, graph in (("undirected: ", ["--undirected"], networkx.Graph()), ("directed: ", [], networkx.DiGraph())):
        graph.add_edges_from(pairs.tolist())
        ranks = networkx.pagerank(graph, alpha=0.85, tol=1e-12, max_iter=1000)
        summary, model = train("karate.edges", *flags, "--change", "1e-12", "--splits", 4, "--passes", 1000)
        found = dict(zip(model["nodes_"].tolist(), model["pagerank_"]))
        dangling = sum(1 for node in graph if not graph[node])
        print(f"{what}{len(graph)} nodes, {dangling} dangling, {summary['passes']} passes, highest rank {max(found.values()):.9f}")
        expect(what + "nodes that differ", len(found.keys() ^ ranks.keys()), 0)
        expect(what + "largest difference of a rank", max(abs(found[node] - ranks[node]) for node in ranks), 1e-11)
        expect(what + "sum of ranks beside 1", abs(sum(found.values()) - 1), 1e-12)


@check
def kmeans():
    from sklearn.cluster import KMeans

    for data, k in (("digits", 10), ("iris", 3)):
        x, _ = rows(data)
        what = f"{data}, k {k}: "
        # The initialisation takes four passes: this model holds where it leads.
        _, model = train(f"{data}.libsvm", "-k", k, "--splits", 4, "--seed", 1, "--passes", 4)
        first = model["cluster_centers_"].astype(np.float64)
        flags = ("-k", k, "--splits", 4, "--seed", 1, "--passes", 500, "--movement", 0)
        summary, model = train(f"{data}.libsvm", *flags)
        centres = model["cluster_centers_"].astype(np.float64)
        rival = KMeans(k, init=first, n_init=1, max_iter=500, tol=0, algorithm="lloyd").fit(x)
        best = min(KMeans(k, init="k-means++", n_init=1, random_state=seed).fit(x).inertia_ for seed in range(20))
        own = summary["objective"] * len(x)
        print(f"{what}{summary['passes']} passes, inertia {own:.6f}, scikit-learn's from the same start {rival.inertia_:.6f}, best of 20 starts of its own {best:.6f}")
        expect(what + "inertia beside scikit-learn's from the same start, as a share", abs(own / rival.inertia_ - 1), 1e-5)
        expect(what + "largest difference of a centre's column", np.abs(centres - rival.cluster_centers_).max(), 1e-5)
        expect(what + "inertia above the best of its 20 starts, as a share", own / best - 1, 0.05)
        _, values = predict(f"{data}.libsvm", "--splits", 3)
        expect(what + "rows in other clusters", (values != rival.labels_).sum(), 0)


@check
def gmm():
    import warnings

    from sklearn.mixture import GaussianMixture

    for data, k, covariance, many in (("iris", 3, "full", 300), ("iris", 3, "diag", 300), ("breast_cancer", 2, "diag", 200)):
        x, _ = rows(data)
        what = f"{data}, k {k}, {covariance}: "
        flags = ("-k", k, "--covariance", covariance, "--splits", 4, "--gain", 0)
        # The first pass only finds where to start: this model holds it.
        _, model = train(f"{data}.libsvm", *flags, "--passes", 1)
        precisions = np.linalg.inv(model["covariances_"]) if covariance == "full" else 1 / model["covariances_"]
        start = {"weights_init": model["weights_"], "means_init": model["means_"], "precisions_init": precisions}
        summary, model = train(f"{data}.libsvm", *flags, "--passes", many + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is told to go on for so many iterations
            rival = GaussianMixture(k, covariance_type=covariance, tol=0, max_iter=many, **start).fit(x)
        print(f"{what}{many} iterations, mean log-likelihood {-summary['objective']:.7f}, scikit-learn's {rival.score(x):.7f}")
        expect(what + "difference of the mean log-likelihood", abs(-summary["objective"] - rival.score(x)), 1e-6)
        expect(what + "largest difference of a weight", np.abs(model["weights_"] - rival.weights_).max(), 1e-5)
        expect(what + "largest difference of a mean", np.abs(model["means_"] - rival.means_).max(), 1e-5)
        expect(what + "largest difference of a covariance", np.abs(model["covariances_"] - rival.covariances_).max(), 1e-5)
        _, values = predict(f"{data}.libsvm", "--splits", 3)
        expect(what + "share of rows in other components", (values != rival.predict(x)).mean(), 0.005)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in CHECKS:
        sys.exit(f"usage: check.py {'|'.join(CHECKS)} [PROGRAM]")
    name = sys.argv[1]
    PROGRAM = sys.argv[2:] or ["cargo", "run", "--quiet", "--release", "-p", name, "--"]
    with tempfile.TemporaryDirectory() as FOLDER:
        CHECKS[name]()
    if missed:
        sys.exit("missed: " + "\n        ".join(missed))
