"""The displays of RViz for nodes in any namespace: ``config/live.rviz`` with other topics."""

from __future__ import annotations

import re

from ixgs_ros.nodes import table

TOPIC = re.compile(rf'(?<=Value: ){table.NAMESPACE}/')


def in_namespace(text: str, namespace: str) -> str:
    """Return an RViz configuration whose topics are those of nodes in another namespace.

    Topics are named in full there: that all displays of RViz take relative ones is not known.

    Args:
        text: of ``config/live.rviz``, for the table's namespace.
        namespace: the nodes', as ROS takes it: with or without a slash before it; '' or '/' where
            they have none.
    """
    plain = namespace.strip('/')
    return TOPIC.sub(f'/{plain}/' if plain else '/', text)
