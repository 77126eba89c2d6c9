"""Where fanout's own files lie."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the packages; put first on a child's import path."""
