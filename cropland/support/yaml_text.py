"""YAML, read and written by libyaml where it is there: ten times faster."""

from __future__ import annotations

from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _PlainDumper(_Dumper):  # type: ignore[misc]
    """Writes a value that stands twice twice."""

    def ignore_aliases(self, _: Any) -> bool:
        """Return True: no value refers to another one."""
        return True


def load(text: str) -> Any:
    """Return the plain values of a YAML text.

    Raises
    ------
    yaml.YAMLError
        It is no YAML, or asks with a tag for more than a plain value.
    """
    return yaml.load(text, _Loader)


def dump(values: Any) -> str:
    """Write plain values as YAML, their keys in the given order."""
    text: str = yaml.dump(values, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)
    return text
