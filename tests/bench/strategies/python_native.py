"""The handlers of service.py with declared fields instead of json.loads()."""
import os

import take5
from service import Service, Stages

service = Service()
stages = Stages(service, int(os.environ["TAKE5_BENCH_COUNT"]), os.environ["TAKE5_BENCH_REPORT"])


def stats(*names, of="stats"):
    return {f"f_{name}": f"{of}.{name}" for name in names}


@take5.on("bar_trends", wap="barData.wap", trades="barData.tradeCount",
          **stats("mean", "std", "change", "slope", "sampleSize", of="lastSampleStats"))
@stages.measured
def on_bar_trends(m):
    service.add((m.close, m.wap, m.trades, m.f_mean, m.f_std, m.f_change, m.f_slope,
                 m.f_sampleSize))


@take5.on("historic_stats", z_score="z_score", **stats(
    "mean", "std", "variance", "range", "standardError", "sampleSize"))
@stages.measured
def on_historic_stats(m):
    service.add((m.close, m.f_mean, m.f_std, m.f_variance, m.f_range, m.f_standardError,
                 m.f_sampleSize, m.z_score))


@take5.on("asset_trends", direction="direction", **stats(
    "wSma_slope", "wSma_intercept", "wSma_slope_std_err", "predictedNext", "rSquared", "residual",
    "sampleSize", of="trendData"))
@stages.measured
def on_asset_trends(m):
    service.add((m.f_wSma_slope, m.f_wSma_intercept, m.f_wSma_slope_std_err, m.f_predictedNext,
                 m.f_rSquared, m.f_residual, m.f_sampleSize, m.direction))
