"""Helpers that several test modules share."""

import pkgutil

import pytest

# So that failed assertions show their values, as in test modules.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
