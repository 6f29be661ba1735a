"""Domains of one's own: two runs never share one, and one that is given back can be had again."""

from __future__ import annotations

import pytest

from ixgs_ros.parameters import ParameterError
from ixgs_ros.ros import domain
from ixgs_ros.ros.domain import claimed_names, NameTaken, NoDomainLeft, private_domain


def test_two_runs_never_share_a_domain(monkeypatch, tmp_path):
    monkeypatch.setattr(domain, 'DOMAINS', range(5, 7))
    monkeypatch.setattr(domain.tempfile, 'gettempdir', lambda: str(tmp_path))
    with private_domain() as first, private_domain() as second:
        assert {first, second} == {5, 6}
        with pytest.raises(NoDomainLeft, match='all 2 ROS domains'), private_domain():
            pass
    with private_domain() as again:
        assert again in (5, 6)


def test_a_node_name_is_had_once_a_domain_and_can_be_had_again(monkeypatch, tmp_path):
    monkeypatch.setattr(domain.tempfile, 'gettempdir', lambda: str(tmp_path))
    with claimed_names(5, ['/carm/a', '/carm/b']):
        with pytest.raises(NameTaken, match='/carm/b runs already on ROS domain 5'):
            with claimed_names(5, ['/carm/c', '/carm/b']):
                pass
        # What was claimed before the refusal is free; other domains are others' business.
        with claimed_names(5, ['/carm/c']), claimed_names(6, ['/carm/b']):
            pass
    with claimed_names(5, ['/carm/a']):
        pass


@pytest.mark.parametrize('text', ['abc', '-1', '233', '1.5'])
def test_a_domain_that_is_none_is_named(monkeypatch, text):
    monkeypatch.setenv('ROS_DOMAIN_ID', text)
    with pytest.raises(ParameterError, match=f"from 0 to 232, got '{text}'"):
        domain.domain_of_environment()
