"""What several test modules need, by what it is about."""

import pkgutil

import pytest

# So that their assertions say what they found, as those of test modules do.
pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
