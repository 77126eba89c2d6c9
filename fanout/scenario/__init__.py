"""Scenarios: YAML files that define who is asked what through which client. This reads, checks and freezes them."""

from fanout.scenario._address import checked_address, is_ip_address, is_loopback, origin_of
from fanout.scenario._arrivals import Arrivals
from fanout.scenario._explain import quoted
from fanout.scenario._keys import allowed_at, choices_at, is_key, is_optional
from fanout.scenario._layers import Setting, flow_text, overlay, parse_values
from fanout.scenario._load import load_scenario, load_scenarios, parse_scenario
from fanout.scenario._model import (
    MAX_NAME,
    MAX_THREADS,
    MOST_PER_AGENT,
    NAME_ALLOWED,
    NAME_PATTERN,
    ClientSettings,
    CoordinatorSettings,
    DispatchSettings,
    Executor,
    Limits,
    Scenario,
    Timeouts,
    WorkerSettings,
)
from fanout.scenario._service_time import Constant, Exponential, LogNormal, ServiceTime
from fanout.scenario._shape import Ramp, Shape, Spike, Steps

__all__ = [
    "MAX_NAME",
    "MAX_THREADS",
    "MOST_PER_AGENT",
    "NAME_ALLOWED",
    "NAME_PATTERN",
    "Arrivals",
    "ClientSettings",
    "Constant",
    "CoordinatorSettings",
    "DispatchSettings",
    "Executor",
    "Exponential",
    "Limits",
    "LogNormal",
    "Ramp",
    "Scenario",
    "ServiceTime",
    "Setting",
    "Shape",
    "Spike",
    "Steps",
    "Timeouts",
    "WorkerSettings",
    "allowed_at",
    "checked_address",
    "choices_at",
    "flow_text",
    "is_ip_address",
    "is_key",
    "is_loopback",
    "is_optional",
    "load_scenario",
    "load_scenarios",
    "origin_of",
    "overlay",
    "parse_scenario",
    "parse_values",
    "quoted",
]
