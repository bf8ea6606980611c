"""The version, in its only place: the package, the build and `stylize --version` read it here."""

__version__ = "0.1.0"
