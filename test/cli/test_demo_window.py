"""The demo's window: RViz is given a file that is there, in a checkout as in an installation."""

from pathlib import Path
from types import SimpleNamespace

import yaml

from ixgs_ros.cli import demo_session


def test_rviz_is_started_on_the_demos_domain_with_the_displays(monkeypatch):
    started = []

    def popen(command, **options):
        started.append((command, options['env']))
        return SimpleNamespace(terminate=lambda: None)
    monkeypatch.setenv('DISPLAY', ':7')
    monkeypatch.setattr(demo_session.shutil, 'which', lambda name: f'/somewhere/{name}')
    monkeypatch.setattr(demo_session.subprocess, 'Popen', popen)
    demo_session._show(42)
    (command, environment), = started
    assert command[:2] == ['/somewhere/rviz2', '-d']
    assert 'Visualization Manager' in yaml.safe_load(Path(command[2]).read_text())
    assert environment['ROS_DOMAIN_ID'] == '42'
