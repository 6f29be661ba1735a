"""The tests test what they claim to: the checkout, or the installation that colcon made of it."""

from collections import Counter
import os
from pathlib import Path

import ixgs.msg
import ixgs_ros


def test_modules_come_from_where_the_run_says():
    prefix = os.environ.get('IXGS_TESTED_PREFIX')
    ours = Path(ixgs_ros.__file__).resolve()
    if prefix is None:
        assert ours.parents[1] == Path(__file__).resolve().parents[2]
    else:
        assert ours.is_relative_to(prefix)
        assert Path(ixgs.msg.__file__).is_relative_to(prefix)


def test_no_two_test_modules_have_one_name():
    """Pytest imports them by their bare names and refuses the second of a name."""
    names = Counter(file.name for file in Path(__file__).parents[1].rglob('test_*.py'))
    assert [name for name, count in names.items() if count > 1] == []
