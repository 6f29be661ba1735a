"""What all tests share: a ROS domain of their own, and a way to spin until something holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import os
from pathlib import Path
import resource
import time
from typing import Any

from hypothesis import settings
import pytest

# The same examples at every run, so that a change, not chance, breaks a test. With
# --hypothesis-profile=thorough new ones are drawn, fifty times as many.
settings.register_profile('repeatable', derandomize=True, deadline=None)
settings.register_profile('thorough', max_examples=5000, deadline=None)
settings.load_profile('repeatable')

os.environ.setdefault('NUMBA_THREADING_LAYER', 'workqueue')
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A ROS domain that nobody else on this host uses, also for the processes the test starts."""
    from ixgs_ros.ros.domain import private_domain, private_environment
    with private_domain() as domain:
        for name, value in private_environment(domain).items():
            monkeypatch.setenv(name, value)
        yield domain


@pytest.fixture
def two_gigabytes() -> Iterator[None]:
    """At most 2 GB more of address space for this process than it has now.

    Each thread of the middleware reserves up to 128 MB of it and uses little.
    """
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2 * 10**9, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope='session')
def small_ct(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NIfTI file of a body that costs little: an ellipsoid of water with a rod of bone in it.

    64 × 64 × 64 voxels of 4 mm; half axes 110, 80 and 120 mm; the rod lies 20 mm behind the
    middle.
    """
    import nibabel
    import numpy as np
    x, y, z = np.meshgrid(*[4.0 * (np.arange(64) - 31.5)] * 3, indexing='ij')
    hu = np.where((x / 110) ** 2 + (y / 80) ** 2 + (z / 120) ** 2 < 1, 0.0, -1000.0)
    hu[(np.hypot(x, y - 20) < 15) & (np.abs(z) < 100)] = 700.0
    # NIfTI is RAS, we think in LPS: x and y change their signs.
    affine = np.diag([-4.0, -4.0, 4.0, 1.0])
    path = tmp_path_factory.mktemp('ct') / 'small.nii.gz'
    nibabel.save(nibabel.Nifti1Image(hu.astype(np.float32), affine), path)
    return path


@pytest.fixture(scope='session')
def half_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of a network that says: half of every line integral is bone, for sure."""
    import torch

    from ixgs_ros.standardization.network.config import NetworkConfig
    from ixgs_ros.standardization.network.domain import Domain
    from ixgs_ros.standardization.network.generator import Generator
    from ixgs_ros.standardization.network.weights import save_weights, Weights
    generator = Generator(NetworkConfig(channels=4, levels=1, initial=0.5))
    with torch.no_grad():
        generator.head.weight.zero_()
        # The second half of the head is the logit of the presence.
        generator.head.bias[generator.config.block ** 2:] = 10.0
    path = tmp_path_factory.mktemp('network') / 'half.safetensors'
    save_weights(path, Weights(generator, Domain({})))
    return path


@dataclass
class Ros:
    """A context and an executor on a private domain.

    Nodes are made with ``context=ros.context`` and added with ``add``.
    """

    domain: int
    context: Any
    executor: Any
    nodes: list[Any] = field(default_factory=list)

    def node(self, name: str = 'observer', **arguments: Any) -> Any:
        """Make a plain node and spin it."""
        import rclpy
        return self.add(rclpy.create_node(name, context=self.context, **arguments))

    def add(self, node: Any) -> Any:
        """Spin a node from now on; it is destroyed with the fixture."""
        self.executor.add_node(node)
        self.nodes.append(node)
        return node

    def spin_for(self, seconds: float) -> None:
        """Spin for a time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=max(0.0, end - time.monotonic()))

    def spin_until(self, condition: Callable[[], Any], timeout: float = 10.0,
                   what: str = 'the condition') -> Any:
        """Spin until the condition holds and return its value; fail after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            self.executor.spin_once(timeout_sec=0.05)
        pytest.fail(f'{what} did not come true within {timeout} s')

    def call(self, node: Any, service_type: type, name: str, request: Any,
             timeout: float = 15.0) -> Any:
        """Call a service and return its response."""
        client = node.create_client(service_type, name)
        self.spin_until(client.service_is_ready, timeout, f'service {name}')
        future = client.call_async(request)
        self.spin_until(future.done, timeout, f'an answer of {name}')
        node.destroy_client(client)
        return future.result()


@pytest.fixture
def ros(ros_domain: int) -> Iterator[Ros]:
    """rclpy in this process, on a private domain."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    executor = SingleThreadedExecutor(context=context)
    found = Ros(ros_domain, context, executor)
    yield found
    for node in found.nodes:
        node.destroy_node()
    executor.shutdown()
    context.try_shutdown()
