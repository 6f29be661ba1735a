"""A specimen whose projections are known in closed form: its CT, and DICOM shots of it.

An ellipsoid of water that holds three balls of bone. Nothing of the project's geometry is used:
rays, chords and poses are written out here.
"""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

WATER, BONE_HU = 20.0, 1200.0
BONE = WATER * (1.0 + BONE_HU / 1000.0)
CENTER = np.array([0.031, -0.142, 0.305])                # LPS metres
AXES = np.array([0.045, 0.040, 0.050])
# From the centre: left, back, head. The first lies to the left and up, the others elsewhere.
BALLS = np.array([[0.022, 0.006, 0.024], [-0.018, -0.010, 0.012], [0.004, 0.012, -0.022]])
RADII = np.array([0.0085, 0.0070, 0.0080])
ROWS, COLUMNS = 112, 144
K = np.array([[700.0, 0.0, 66.0], [0.0, 710.0, 60.5], [0.0, 0.0, 1.0]])
AIR = 52000

# Shots from the front: x in the image is the patient's left, y points to the feet, z to the back.
FRONT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def from_front(distance: float = 0.5) -> np.ndarray:
    """Return lps_from_source (4, 4) of a source in front of the specimen."""
    return pose(FRONT, CENTER + [0.0, -distance, 0.0])


def oblique(degrees: float, tilt: float, distance: float = 0.5) -> np.ndarray:
    """Return lps_from_source of the source carried round the specimen and rolled a little."""
    a, b, c = np.deg2rad([degrees, tilt, 12.0])
    about_z = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    about_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    roll = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    rotation = np.array(about_z) @ about_x @ FRONT @ roll
    return pose(rotation, CENTER - distance * rotation[:, 2])


def pose(rotation: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return a matrix (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, source
    return matrix


def chords(lps_from_source: np.ndarray, middle: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the lengths (ROWS, COLUMNS) in metres of the rays inside an ellipsoid."""
    v, u = np.mgrid[:ROWS, :COLUMNS]
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(u.shape)], axis=-1)
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True) @ lps_from_source[:3, :3].T
    start = (lps_from_source[:3, 3] - middle) / axes
    along = rays / axes
    a, b, c = (along ** 2).sum(-1), along @ start, start @ start - 1.0
    return 2.0 * np.sqrt(np.maximum(b * b - a * c, 0.0)) / a


def bone_lines(lps_from_source: np.ndarray, balls: slice = slice(None)) -> np.ndarray:
    """Return the line integrals of the balls."""
    return BONE * sum(chords(lps_from_source, CENTER + ball, np.full(3, radius))
                      for ball, radius in zip(BALLS[balls], RADII[balls], strict=True))


def all_lines(lps_from_source: np.ndarray) -> np.ndarray:
    """Return the line integrals of all of the specimen."""
    water = WATER * chords(lps_from_source, CENTER, AXES)
    return water + (BONE - WATER) / BONE * bone_lines(lps_from_source)


def counts(lps_from_source: np.ndarray) -> np.ndarray:
    """Return what a linear detector of 16 bits stores."""
    return np.rint(AIR * np.exp(-all_lines(lps_from_source))).astype(np.uint16)


def write_ct(path: Path, bone_hu: float = BONE_HU) -> None:
    """Write the CT as NIfTI: 1.5 mm, edges of the balls by their share of each voxel."""
    spacing = 0.0015
    size = np.array([74, 68, 80])
    origin = CENTER - 0.5 * spacing * (size - 1)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing='ij'), axis=-1)
    points = origin + spacing * grid - CENTER
    hu = np.where(((points / AXES) ** 2).sum(-1) < 1.0, 0.0, -1000.0)
    for ball, radius in zip(BALLS, RADII, strict=True):
        beyond = np.linalg.norm(points - ball, axis=-1) - radius
        hu += np.clip(0.5 - beyond / spacing, 0.0, 1.0) * (bone_hu - hu)
    # NIfTI is RAS and counts in millimetres: x and y change their signs.
    affine = np.diag([-1.5, -1.5, 1.5, 1.0])
    affine[:3, 3] = 1000.0 * origin * [-1.0, -1.0, 1.0]
    nibabel.save(nibabel.Nifti1Image(hu.astype(np.float32), affine), path)


def write_dicom(path: Path, pixels: np.ndarray, **attributes: object) -> None:
    """Write stored values (H, W) or (n, H, W) as an XA image whose values are linear."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = '1.2.840.10008.5.1.4.1.1.12.1', generate_uid()
    data.Modality, data.PixelIntensityRelationship = 'XA', 'LIN'
    data.PhotometricInterpretation = 'MONOCHROME2'
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel, data.PixelRepresentation = 1, 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelData = pixels.astype('<u2').tobytes()
    data['PixelData'].VR = 'OW'
    for name, value in attributes.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)


def write_json(path: Path, content: object) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content))


def change(path: Path, **values: object) -> None:
    """Change values of a JSON object in a file; None takes one out."""
    content = json.loads(path.read_text()) | values
    write_json(path, {name: value for name, value in content.items() if value is not None})
