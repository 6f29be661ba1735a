"""Domains of one's own: two runs never share one, and one that is given back can be had again."""

from __future__ import annotations

import pytest

from ixgs_ros.ros import domain
from ixgs_ros.ros.domain import NoDomainLeft, private_domain


def test_two_runs_never_share_a_domain(monkeypatch, tmp_path):
    monkeypatch.setattr(domain, 'DOMAINS', range(5, 7))
    monkeypatch.setattr(domain.tempfile, 'gettempdir', lambda: str(tmp_path))
    with private_domain() as first, private_domain() as second:
        assert {first, second} == {5, 6}
        with pytest.raises(NoDomainLeft, match='all 2 ROS domains'), private_domain():
            pass
    with private_domain() as again:
        assert again in (5, 6)
