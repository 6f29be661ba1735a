"""Draw docs/images/bone_target.png: the bone target and the contrast medium left out, on LIDC."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from ixgs_ros.simulation.bone_target import bone_share, find_anatomy, RAMP_HU
from ixgs_ros.simulation.sources import load_ct

matplotlib.use('Agg')
from matplotlib import pyplot as plt

PICTURE = Path(__file__).resolve().parents[1] / 'docs' / 'images' / 'bone_target.png'
SLICES = 6


def main(source: str = 'lidc', picture: Path = PICTURE) -> None:
    """Draw slices from the lowest to the highest; red: bone, blue: contrast medium."""
    ct = load_ct(source)
    anatomy = find_anatomy(ct)
    share = bone_share(ct, anatomy)
    left_out = anatomy.body & ~anatomy.bone & (ct.hu > 0.5 * sum(RAMP_HU))
    voxel = 1e6 * abs(np.linalg.det(ct.lps_from_index[:3, :3]))
    print(f'bone {voxel * share.sum():.0f} cm³, contrast {voxel * left_out.sum():.0f} cm³')
    figure, axes = plt.subplots(2, SLICES // 2, figsize=(12, 7), facecolor='black')
    for axis, z in zip(axes.ravel(), np.linspace(0.08, 0.92, SLICES) * len(ct.hu), strict=True):
        layer = int(z)
        axis.imshow(ct.hu[layer], cmap='gray', vmin=-200, vmax=700)
        axis.contour(share[layer], [0.5], colors='red', linewidths=0.6)
        axis.contour(left_out[layer], [0.5], colors='deepskyblue', linewidths=0.6)
        axis.axis('off')
    figure.tight_layout(pad=0.3)
    figure.savefig(picture, dpi=90)


if __name__ == '__main__':
    main()
