"""The alerting rules speak of metrics that exist, with labels and values that they have, and of what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from services.notifier.lanes import Lane
from services.notifier.measuring import STATES
from services.notifier.retries import Outcome
from shared import metrics

ROOT = Path(__file__).parents[3]
GROUPS = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
ALERT = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])

OF_SCRAPES = {"instance", "job", "le"}
VALUES: dict[str, set[str]] = {
    "lane": set(Lane),
    "state": set(STATES.values()),
    "outcome": {*Outcome, "found", "not_found", "timed_out", "refused", "resolver_away", "failed"},
    "of": {"slots", "slot_seconds"},
    "le": {"1.0", "60.0"},
}
USE = re.compile(r"(audio2txt_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')


def _series() -> dict[str, MetricWrapperBase]:
    """Every name that `/metrics` can show."""
    named: dict[str, MetricWrapperBase] = {}
    for metric in vars(metrics).values():
        match metric:
            case Counter():
                named[f"{metric._name}_total"] = metric
            case Gauge():
                named[metric._name] = metric
            case Histogram():
                named |= {f"{metric._name}_{suffix}": metric for suffix in ("bucket", "count", "sum")}
            case _:
                pass
    return named


SERIES = _series()


@ALERT
def test_a_rule_speaks_of_metrics_that_exist(rule: dict[str, Any]) -> None:
    """A rule whose metric was renamed would never fire, and nobody would notice."""
    uses = USE.findall(rule["expr"])
    assert uses
    for name, matchers in uses:
        assert name in SERIES, name
        for label, values in MATCHER.findall(matchers):
            assert label in {*SERIES[name]._labelnames, *OF_SCRAPES}
            assert VALUES[label].issuperset(values.split("|"))


@ALERT
def test_a_rule_groups_and_names_by_labels_that_exist(rule: dict[str, Any]) -> None:
    """`by (…)` and the texts' `$labels.…` are labels of the rule's metrics."""
    labels = {label for name, _ in USE.findall(rule["expr"]) for label in SERIES[name]._labelnames} | OF_SCRAPES
    grouped = {
        label.strip() for found in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", rule["expr"]) for label in found.split(",")
    } - {""}
    shown = {label for text in rule["annotations"].values() for label in re.findall(r"\$labels\.(\w+)", text)}
    assert grouped | shown <= labels


@ALERT
def test_a_histograms_bound_is_one_of_its_buckets(rule: dict[str, Any]) -> None:
    """A share below a bound that is no bucket would always be empty."""
    for name, matchers in USE.findall(rule["expr"]):
        for label, bound in MATCHER.findall(matchers):
            if label == "le":
                metric = SERIES[name]
                assert isinstance(metric, Histogram)
                assert float(bound) in metric._kwargs["buckets"]


@ALERT
def test_a_rule_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    """In itself, and with more room on the operators' page."""
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    assert f"\n### {rule['alert']}\n" in PAGE


def test_the_page_knows_no_other_alerts() -> None:
    """What was removed from the rules is gone from the page."""
    assert set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_the_page_names_metrics_that_exist_with_their_labels() -> None:
    """`name{label}` as it is scraped. `audio2txt_tenant` is a role of the database."""
    plain = {name.removesuffix("_bucket"): metric for name, metric in SERIES.items()}
    for name, labels in re.findall(r"`(audio2txt_(?!tenant`)\w+)(?:\{([\w,]+)\})?`", PAGE):
        assert name in plain, name
        assert not labels or set(labels.split(",")) == set(plain[name]._labelnames), name


def test_every_metric_of_deliveries_is_on_the_page() -> None:
    """Whoever adds one says what it tells."""
    wanted = {name for name in SERIES if re.match(r"audio2txt_(delivery|endpoint|mail|dns)", name)}
    shown = {name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in wanted}
    assert shown <= set(re.findall(r"audio2txt_\w+", PAGE))
