"""The memory that is stated beforehand: never too little, nor much too much; and what there is."""

import dataclasses
from pathlib import Path
import tracemalloc

import pytest
from reconstruction_scene import CARM, configure, take, WIDE_BODY

from ixgs_ros.geometry.orbits import CArm, random_views
from ixgs_ros.parameters import build, ParameterError
from ixgs_ros.reconstruction import ReconstructionConfig, Reconstructor
from ixgs_ros.reconstruction.available import available_memory, check_memory
from ixgs_ros.reconstruction.memory import estimate_memory
from ixgs_ros.reconstruction.starts import RENEWAL_STEPS
from ixgs_ros.volume.grid import Region

FIELD = 0.2  # of the C-arm below at the region, metres; its detector has 0.3 m
SCENES = {
    'small': (CARM, 5, {'model__max_gaussians': 3000}),
    'medium': (CArm(pixel_pitch=0.0012, height=256, width=256), 6,
               {'model__max_gaussians': 20_000, 'volume__spacing': 0.00125}),
    'many views': (CArm(pixel_pitch=0.0006, height=512, width=512), 20,
                   {'model__max_gaussians': 2000, 'volume__spacing': 0.0025}),
    'fine volume': (CARM, 4, {'model__max_gaussians': 2000, 'volume__spacing': 0.001}),
    'many Gaussians': (CARM, 4, {'model__max_gaussians': 40_000, 'volume__spacing': 0.002}),
}


def peak_of(carm, views, settings):
    """Return the largest memory that a session's arrays took, the shots' included, in bytes."""
    # Compiled before anything is counted.
    Reconstructor(configure(**settings)).add_shots(take(WIDE_BODY, random_views(2, 3, CARM)))
    tracemalloc.start()
    try:
        shots = take(WIDE_BODY, random_views(views, 3, carm))
        tracemalloc.reset_peak()
        reconstructor = Reconstructor(configure(**settings))
        reconstructor.add_shots(shots[:-1])
        reconstructor.refine(11)
        reconstructor.volume()
        reconstructor.add_shot(shots[-1])
        reconstructor.refine(RENEWAL_STEPS)
        for _ in range(5 * views):   # amid the sweeps of a new start, where there is one
            reconstructor.advance()
        reconstructor.volume()
        reconstructor.settle()
        reconstructor.refine(11)
        reconstructor.set_region(Region([0.002, 0, 0], [0.16, 0.158, 0.156]))
        reconstructor.volume()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('name', SCENES)
def test_the_estimate_is_not_too_little_nor_half_too_much(name):
    carm, views, settings = SCENES[name]
    estimate = estimate_memory(configure(**settings), (carm.height, carm.width), views, FIELD)
    measured = peak_of(carm, views, settings)
    assert measured <= estimate.total <= 1.5 * measured


def test_each_setting_costs_what_it_is_about():
    def total(**values):
        return estimate_memory(build(ReconstructionConfig, {
            name.replace('__', '.'): value for name, value in values.items()}))

    plain = total()
    assert total(model__max_gaussians=500_000).model == 10 * plain.model
    assert total(volume__spacing=0.0005).volume > 10 * plain.volume
    assert total(region__size=(0.1, 0.1, 0.1)).volume < 0.05 * plain.volume
    assert total(model__shell_share=0.0).majorisers == 0
    fewer = estimate_memory(ReconstructionConfig(), views=30)
    assert fewer.views == plain.views // 2 and fewer.volume == plain.volume
    capped = estimate_memory(ReconstructionConfig(), most_voxels=10**7)
    assert capped.total < plain.total - 100e6


def test_what_does_not_fit_is_refused_by_name():
    config = build(ReconstructionConfig, {'model.max_gaussians': 60_000, 'volume.spacing': 0.0005,
                                          'region.size': (0.2, 0.2, 0.3)})
    estimate = estimate_memory(config)
    check_memory(config, estimate, estimate.total)
    check_memory(config, estimate, None)
    with pytest.raises(ParameterError) as refused:
        check_memory(config, estimate, 123_000_000)
    for part in ('model.max_gaussians 60000', 'volume.spacing 0.0005 m', '0.2 x 0.2 x 0.3 m',
                 'the 123 MB', f'up to {estimate.total / 1e6:.0f} MB'):
        assert part in str(refused.value)
    automatic = dataclasses.replace(config, region=ReconstructionConfig().region)
    with pytest.raises(ParameterError, match='region.size automatic'):
        check_memory(automatic, estimate_memory(automatic), 0)


def machine(root: Path, files: dict[str, str]) -> Path:
    """Return a folder that looks like / of a machine with these files and 8 GB available."""
    for name, text in {'proc/meminfo': 'MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n',
                       **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_machine_says_what_is_available(tmp_path):
    assert available_memory(machine(tmp_path, {})) == 8000000 * 1024
    assert available_memory(tmp_path / 'elsewhere') is None
    assert 0 < available_memory() < 2**50


@pytest.mark.parametrize('limited', ['', 'robot.slice/', 'robot.slice/ixgs.scope/'])
def test_a_control_group_limits_also_from_above(tmp_path, limited):
    """Version 2: what is used may be caches of files, of which the inactive can go."""
    root = machine(tmp_path, {
        'proc/self/cgroup': '0::/robot.slice/ixgs.scope\n',
        'sys/fs/cgroup/robot.slice/ixgs.scope/memory.max': 'max\n',
        f'sys/fs/cgroup/{limited}memory.max': '1000000000\n',
        f'sys/fs/cgroup/{limited}memory.current': '700000000\n',
        f'sys/fs/cgroup/{limited}memory.stat': 'anon 500000000\ninactive_file 150000000\n'})
    assert available_memory(root) == 450_000_000


def test_a_control_group_of_version_1_limits_too(tmp_path):
    """Also where the path in the container is the host's, so that only the top is to be seen."""
    group = 'sys/fs/cgroup/memory/'
    root = machine(tmp_path, {
        'proc/self/cgroup': '4:memory:/host/path\n0::/\n',
        f'{group}memory.limit_in_bytes': '1000000000\n',
        f'{group}memory.usage_in_bytes': '400000000\n'})
    assert available_memory(root) == 600_000_000
