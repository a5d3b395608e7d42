import pytest

from alerting.condition import Comparison, Verdict, parse_condition
from alerting.fold import Policy
from alerting.rules import Rule
from alerting.settings import AlertingSettings
from detectors.metrics import OF_CLASSES, OF_NUMBERS, OF_RANKINGS
from detectors.performance import TOLD
from kernel.clock import DAY_US, HOUR_US
from kernel.errors import SettingsError


def test_the_defaults_watch_everything_and_tell_the_console():
    settings = AlertingSettings()

    tiers = {rule.name: rule.tier for rule in settings.rules}
    assert tiers == {
        "errors": "P0",
        "burn": "P0",
        "slow-burn": "P2",
        "silence": "P0",
        "latency": "P2",
        "drift": "P1",
        "performance": "P1",
        "quality": "P2",
    }
    assert [rule.name for rule in settings.rules if rule.retrains] == ["drift"]
    performance = next(rule.metrics for rule in settings.rules if rule.name == "performance")
    assert all({*performance} & {*of_task} - TOLD for of_task in (OF_CLASSES, OF_NUMBERS, OF_RANKINGS))
    assert all(settings.notifiers_of(rule) == ("console",) for rule in settings.rules)


def test_a_rule_is_read_from_yaml(load_alerting):
    settings = load_alerting(
        """
alerting:
  notifiers:
    oncall: {kind: slack, url: "https://hooks.slack.com/services/T/B/x"}
    terminal: {kind: console}
  rules:
    - name: sentinels
      tier: P1
      metrics: [missing_share]
      columns: ["dep_*"]
      when: value > 0.05
      for: 2d
      resolve_after: 3
      notify: [terminal]
      escalate_after: 4h
      escalate_to: oncall
      retrain: true
"""
    )

    [rule] = settings.rules
    assert rule.when == Comparison("value", ">", 0.05)
    assert rule.policy == Policy(windows=1, span_us=2 * DAY_US, calm=3)
    assert (rule.escalate_after, rule.escalate_to) == (4 * HOUR_US, "oncall")
    assert rule.retrains
    assert settings.notifiers_of(rule) == ("terminal",)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("when: values > 1", "value, expected, p_value, lower, upper"),
        ("when: value > high", "no condition"),
        ("for: often", "no duration"),
        ("for: 0", "a number of windows from 1 on"),
        ("for: true", "a number of windows from 1 on"),
        ("tier: P3", "'P0', 'P1' or 'P2'"),
        ("size: 7h", "no calendar window"),
        ("when_ever: drift", "is no setting"),
        ("resolve_after: 0", "greater than or equal to 1"),
        ("notify: [pager]", "names the notifier 'pager'; there are: console"),
        ("escalate_to: pager", "names the notifier 'pager'; there are: console"),
        ("escalate_after: 1h", "belongs to P1 rules"),
    ],
)
def test_a_wrong_rule_names_its_line_and_what_is_allowed(load_alerting, line, says):
    with pytest.raises(SettingsError) as error:
        load_alerting(f"alerting:\n  rules:\n    - name: mine\n      metrics: [psi]\n      {line}\n")

    assert "line 5" in str(error.value)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: [{name: a, metrics: [psi], notify: [pager]}]", "names the notifier 'pager'; there are: console"),
        ("rules: [{name: a, metrics: [psi]}, {name: a, metrics: [rows]}]", "a is there twice"),
        ("rules: [{name: a, metrics: [psi], tier: P2, escalate_after: 1h}]", "escalate_after: belongs to P1"),
        ("rules: [{name: a, metrics: []}]", "at least 1 item"),
        (
            "rules: [{name: a, metrics: [psi, pssi]}]",
            r"metrics.1 is 'pssi': no metric has this name; there are: psi, js_d",
        ),
        ("notifiers: {oncall: {kind: slack, url: hooks.slack.com}}", "begins with https://"),
        ("notifiers: {oncall: {kind: pigeon}}", "'console', 'slack'"),
    ],
)
def test_names_that_do_not_fit_are_said(load_alerting, text, says):
    with pytest.raises(SettingsError, match=says):
        load_alerting(f"alerting: {{{text}}}")


def test_a_secret_url_is_not_printed(load_alerting):
    settings = load_alerting(
        'alerting: {notifiers: {a: {kind: slack, url: "https://hooks.slack.com/SECRET"}}, rules: []}'
    )

    assert "SECRET" not in repr(settings)


def test_a_rule_that_is_refused_prints_no_secret_of_a_notifier(load_alerting):
    with pytest.raises(SettingsError) as error:
        load_alerting(
            """
alerting:
  notifiers: {a: {kind: slack, url: "https://hooks.slack.com/SECRET"}}
  rules:
    - {name: drift, metrics: [psi]}
    - name: late
      metrics: [rows]
      notify: [a, https://hooks.slack.com/SECRET]
"""
        )

    assert "line 8: alerting.rules.1.notify.1: rule late names the notifier" in str(error.value)
    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    ("when", "status", "value", "verdict"),
    [
        ("abnormal", "drift", 0.1, True),
        ("abnormal", "degraded", 0.1, True),
        ("abnormal", "ok", 0.1, False),
        ("drift", "degraded", 0.1, False),
        ("degraded", "degraded", 0.1, True),
        ("abnormal", "insufficient", 0.1, None),
        ("abnormal", "provisional", 0.1, None),
        ("value > 0.05", "ok", 0.1, True),
        ("value<=0.05", "drift", 0.1, False),
        ("value > 0.05", "provisional", 0.1, None),
        ("value > 0.05", "ok", None, None),
    ],
)
def test_a_condition_judges_a_window(make_decision, when, status, value, verdict):
    decided = make_decision(0, status, "dep_delay", 0, value=value)

    assert parse_condition(when)(decided) is verdict


def test_conditions_are_equal_by_what_they_say():
    assert parse_condition("value > 1") == parse_condition(" value>1.0 ")
    assert parse_condition("drift") == Verdict("drift")


@pytest.mark.parametrize(
    ("scope", "concerned"),
    [
        ({}, True),
        ({"columns": ["dep_*"]}, True),
        ({"columns": ["arr_*"]}, False),
        ({"models": ["flight-*"]}, True),
        ({"models": ["fraud"]}, False),
        ({"size": "1d"}, True),
        ({"size": "1w"}, False),
        ({"metrics": ["js_distance"]}, False),
    ],
)
def test_a_rule_is_concerned_by_metric_column_model_and_size(make_decision, scope, concerned):
    rule = Rule.model_validate({"name": "mine", "metrics": ["psi"]} | scope)

    assert rule.concerns(make_decision(0, "drift", "dep_delay", 0)) is concerned
