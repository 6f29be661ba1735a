"""From stored values to line integrals, whatever the file says the values are."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
import pytest
from xray_dicom import COLUMNS, counts, dataset, line_integrals, ROWS, with_raw

from ixgs_ros.acquisition.dicom_counts import convert, LOG_RANGE
from ixgs_ros.verdict import Code, Refusal

TRUTH = line_integrals()
BODY = TRUTH > 0


def found(data):
    pixels = np.frombuffer(data.PixelData, np.uint8 if data.BitsAllocated == 8 else np.uint16)
    return convert(data, pixels.reshape(ROWS, COLUMNS))


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


@pytest.mark.parametrize('bits', [10, 12, 16])
@pytest.mark.parametrize('inverted', [False, True])
def test_linear_counts_give_the_line_integrals(bits, inverted):
    pixels = counts(bits)
    if inverted:
        pixels = np.uint16(2**bits - 1) - pixels
    result = found(dataset(pixels, 'DX', bits, PixelIntensityRelationship='LIN',
                           PixelIntensityRelationshipSign=-1 if inverted else 1))
    np.testing.assert_allclose(result.image.line_integrals, TRUTH,
                               atol=0.08 if bits < 12 else 0.02)
    assert result.image.air_visible and not result.assumptions


@pytest.mark.parametrize('modality, photometric, air_is_high', [
    ('XA', 'MONOCHROME2', True), ('XA', 'MONOCHROME1', False), ('RF', 'MONOCHROME2', True),
    ('CR', 'MONOCHROME1', True), ('CR', 'MONOCHROME2', False), ('DX', 'MONOCHROME2', False)])
def test_without_a_sign_the_habits_of_the_modality_hold(modality, photometric, air_is_high):
    pixels = counts()
    if not air_is_high:
        pixels = 4095 - pixels
    result = found(dataset(pixels, modality, PhotometricInterpretation=photometric,
                           PixelIntensityRelationship='LIN'))
    np.testing.assert_allclose(result.image.line_integrals, TRUTH, atol=0.02)


def test_a_logarithm_with_its_table_is_undone():
    linear = np.arange(4096) / 4095
    table = np.rint(65535 * np.expm1(linear * np.log(1000)) / 999).astype(np.uint16)
    stored = np.interp(0.8 * np.exp(-TRUTH) * 65535, table, np.arange(4096)).astype(np.uint16)
    lut = Dataset()
    lut.LUTDescriptor, lut.ModalityLUTType = [4096, 0, 16], 'US'
    lut.LUTData = table.tolist()
    lut['LUTData'].VR = 'US'
    result = found(dataset(stored, PixelIntensityRelationship='LOG', ModalityLUTSequence=[lut]))
    np.testing.assert_allclose(result.image.line_integrals, TRUTH, atol=0.03)
    assert not result.assumptions


@pytest.mark.parametrize('sign', [1, -1])
def test_a_logarithm_without_table_keeps_the_shape(sign):
    share = 1 - TRUTH / 5
    stored = np.rint(4095 * (share if sign > 0 else 1 - share)).astype(np.uint16)
    result = found(dataset(stored, 'DX', PixelIntensityRelationship='LOG',
                           PixelIntensityRelationshipSign=sign))
    assert correlation(result.image.line_integrals, TRUTH) > 0.999
    assert np.ptp(result.image.line_integrals) == pytest.approx(np.ptp(TRUTH) / 5 * LOG_RANGE,
                                                                rel=0.02)
    assert 'logarithms' in result.assumptions[0]


@pytest.mark.parametrize('window', [
    {}, {'WindowCenter': 2048, 'WindowWidth': 4096},
    {'WindowCenter': [2048, 100], 'WindowWidth': [4096, 10], 'VOILUTFunction': 'LINEAR_EXACT'},
    {'WindowCenter': 2048, 'WindowWidth': 4096, 'VOILUTFunction': 'SIGMOID'}])
def test_a_radiograph_for_display_keeps_order_and_sign(window):
    stored = np.rint(4095 * TRUTH / 5).astype(np.uint16)       # bone is white
    result = found(dataset(stored, 'DX', PresentationIntentType='FOR PRESENTATION', **window))
    assert correlation(result.image.line_integrals, TRUTH) > 0.97
    assert (result.image.weights > 0).all() and result.assumptions


def test_a_voi_table_is_applied_to_a_radiograph_for_display():
    lut = Dataset()
    lut.LUTDescriptor = [4096, 0, 12]
    lut.LUTData = list(range(4095, -1, -1))                     # turns the order round
    lut['LUTData'].VR = 'US'
    stored = np.rint(4095 * (1 - TRUTH / 5)).astype(np.uint16)
    result = found(dataset(stored, 'CR', VOILUTSequence=[lut]))
    assert correlation(result.image.line_integrals, TRUTH) > 0.99


@pytest.mark.parametrize('name', ['ModalityLUTSequence', 'VOILUTSequence'])
@pytest.mark.parametrize('descriptor, data, vr', [
    (None, b'\0' * 8192, 'OW'), ([4096, 0, 16], None, 'OW'), ([4096, 0, 16], b'', 'OW'),
    ([4096, 0], b'\0' * 8192, 'OW'), ([4096, 0, 16], b'\0' * 100, 'OW'),
    ([4096, 0, 16], [1, 2, 3], 'US'), ([4096, 0, 0], b'\0' * 8192, 'OW')])
def test_a_table_that_is_incomplete_is_named(name, descriptor, data, vr):
    lut = Dataset()
    if descriptor is not None:
        lut.add_new('LUTDescriptor', 'US', descriptor)
    if data is not None:
        lut.add_new('LUTData', vr, data)
    with pytest.raises(ValueError, match=f'expected {name} with a LUTDescriptor of three'):
        found(dataset(counts(), 'CR', **{name: [lut]}))


@pytest.mark.parametrize('width, function', [
    (0, 'LINEAR'), (0.5, 'LINEAR'), (-3, 'LINEAR_EXACT'), (0, 'LINEAR_EXACT'), (0, 'SIGMOID')])
def test_a_window_without_width_is_refused(width, function):
    with pytest.raises(ValueError, match=f'expected a WindowWidth .* got {width:g} and 2048'):
        found(dataset(counts(), 'CR', WindowCenter=2048, WindowWidth=width,
                      VOILUTFunction=function))


def test_rescaled_values_are_taken_from_their_lowest():
    result = found(dataset(counts(), PixelIntensityRelationship='LIN', RescaleSlope=0.5,
                           RescaleIntercept=-100, RescaleType='US'))
    np.testing.assert_allclose(result.image.line_integrals, TRUTH, atol=0.02)


def test_without_air_the_brightest_of_the_field_stands_for_it():
    y = 1.0 + 0.5 * line_integrals() + np.mgrid[:ROWS, :COLUMNS][1] / COLUMNS
    result = found(dataset(counts(8, y), bits=8))               # XA, nothing said: for display
    assert not result.image.air_visible and len(result.assumptions) == 2
    air = np.quantile(counts(8, y), 0.99) / 255
    np.testing.assert_allclose(result.image.line_integrals, np.log(air) - np.log(0.8) + y,
                               atol=0.1)


@pytest.mark.parametrize('values', [(4095, None), (4090, 4095), (4095, 4090)])
def test_declared_padding_is_no_air(values):
    """A white frame round the image, brighter than air, by one value or a range of them."""
    pixels = counts()
    frame = np.ones(pixels.shape, bool)
    frame[5:-5, 5:-5] = False
    pixels[frame] = 4095
    data = dataset(pixels, PixelIntensityRelationship='LIN', PixelPaddingValue=values[0],
                   PixelPaddingRangeLimit=values[1])
    image = found(data).image
    assert (image.weights[frame] == 0).all() and (image.weights[~frame] > 0).all()
    np.testing.assert_allclose(image.line_integrals[~frame], TRUTH[~frame], atol=0.02)


def test_padding_that_is_no_number_is_named():
    with pytest.raises(ValueError, match="expected whole numbers as PixelPaddingValue .* got 'x'"):
        found(with_raw(dataset(counts()), 'PixelPaddingValue', 'LO', b'x'))


def test_black_and_constant_images_are_refused():
    for pixels in (np.zeros_like(counts()), np.full_like(counts(), 500)):
        with pytest.raises(Refusal) as caught:
            found(dataset(pixels))
        assert caught.value.verdict.code is Code.NO_SIGNAL


@pytest.mark.parametrize('inverted', [False, True])
def test_known_air_counts_where_no_air_is_seen(inverted):
    y = line_integrals()[:, 28:92]
    stored = counts(12, y)
    air = float(np.rint(0.8 * 4095))
    if inverted:
        stored, air = 4095 - stored, 4095 - air
    data = dataset(stored, PixelIntensityRelationship='LIN',
                   PixelIntensityRelationshipSign=-1 if inverted else 1)
    assert 'no air is seen' in convert(data, stored).assumptions[0]
    known = convert(data, stored, air)
    assert known.assumptions == () and not known.image.air_visible
    np.testing.assert_allclose(known.image.line_integrals, y, atol=0.02)
    with pytest.raises(ValueError, match='0 to 4095, got 5000'):
        convert(data, stored, 5000.0)
