"""What is to be said of a table of runs, in sentences."""

from __future__ import annotations

from genzoo.comparison import Estimate, Paired, Table
from genzoo.tables import number


def verdict(test: Paired | None) -> str:
    """The paired test in one sentence."""
    if test is None:
        return "no paired test: it needs two rows with the figures of every test example"
    figure = test.figure.replace("_", " ")
    sure = "better than" if test.settled else "not told apart from"
    gap = f"{test.difference:.4g} ± {test.interval:.2g}"
    return f"{test.better} is {sure} {test.other}: {figure} lower by {gap}, paired over {test.n:,} test examples"


def warnings(table: Table) -> list[str]:
    """Which rows are behind what they have to beat, and which leave most of their latents unused, a line each."""
    lines = []
    for row in table.rows:
        results, said = row.results[0], []
        baselines, latents = results.get("baselines", {}), results.get("latents")
        mse, bound, active = (row.estimate(name) for name in ("mse", "negative_elbo", "active_units"))
        pca, pixels = baselines.get("pca"), baselines.get("independent_pixels")
        if pca and isinstance(mse, Estimate) and mse.mean >= pca["mse"]:
            said.append(f"MSE {number(mse.mean)}, PCA with {pca['components']} components {number(pca['mse'])}")
        if pixels and results.get("measure") == "probability" and isinstance(bound, Estimate) and bound.mean >= pixels:
            said.append(f"−ELBO {number(bound.mean)}, independent pixels {number(pixels)} nats")
        if said:
            said[0] = f"worse than baseline! {said[0]}"
        if latents and isinstance(active, Estimate) and (share := 1 - active.mean / latents) > 0.5:
            said.append(f"collapse: {share:.0%} of {latents} latents are dead")
        if said:
            lines.append(f"{table.label(row)}: {'; '.join(said)}")
    return lines
