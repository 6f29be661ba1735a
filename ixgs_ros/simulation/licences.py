"""Licence and attribution of the CTs that anyone can have, by what a pool calls them.

``tools/fetch_training_cts.py`` gets those after the first three; NOTICE says what is known.
"""

LICENCES = {
    'lidc': 'LIDC-IDRI-0001, CC BY 3.0, doi:10.7937/K9/TCIA.2015.LO9QL9SX',
    'procedural': 'made by this project, Apache-2.0',
    'phantom': 'made by this project, Apache-2.0',
    'plastimatch_thorax_t0':
        't0.mha of the registration tutorial of plastimatch 1.10.0, BSD-3-Clause, '
        'copyright 2011-2018 Gregory C. Sharp',
    'ts_lumbar_pelvis':
        'example_ct.nii.gz of TotalSegmentator 2.18.0, Apache-2.0 (of the package; none is stated '
        'for the image), Wasserthal et al., doi:10.1148/ryai.230024',
    'pyradiomics_lung1':
        'lung1_image.nrrd of pyradiomics 3.0.1, BSD-3-Clause (of the package; none is stated for '
        'the image), copyright 2017 Harvard Medical School, van Griethuysen et al., '
        'doi:10.1158/0008-5472.CAN-17-0339',
    'pyradiomics_lung2':
        'lung2_image.nrrd of pyradiomics 3.0.1, BSD-3-Clause (of the package; none is stated for '
        'the image), copyright 2017 Harvard Medical School, van Griethuysen et al., '
        'doi:10.1158/0008-5472.CAN-17-0339',
}
