"""The 17 local climate zones of So2Sat LCZ42, in the order of its one-hot labels.

Stewart and Oke 2012, doi:10.1175/BAMS-D-11-00019.1; Zhu et al. 2020,
doi:10.1109/MGRS.2020.2964708.
"""

from __future__ import annotations

from autoai4eo.data.sensors import SENTINEL1_SO2SAT, SENTINEL2

LCZ42_CLASSES: tuple[str, ...] = (
    "1 compact high-rise",
    "2 compact mid-rise",
    "3 compact low-rise",
    "4 open high-rise",
    "5 open mid-rise",
    "6 open low-rise",
    "7 lightweight low-rise",
    "8 large low-rise",
    "9 sparsely built",
    "10 heavy industry",
    "A dense trees",
    "B scattered trees",
    "C bush, scrub",
    "D low plants",
    "E bare rock or paved",
    "F bare soil or sand",
    "G water",
)

# Red, green, blue of WUDAPT (Demuzere et al. 2021,
# doi:10.3389/fenvs.2021.637455).
LCZ42_COLOURS: tuple[tuple[int, int, int], ...] = (
    (140, 0, 0),
    (209, 0, 0),
    (255, 0, 0),
    (191, 77, 0),
    (255, 102, 0),
    (255, 153, 85),
    (250, 238, 5),
    (188, 188, 188),
    (255, 204, 170),
    (85, 85, 85),
    (0, 106, 0),
    (0, 170, 0),
    (100, 133, 37),
    (185, 219, 121),
    (0, 0, 0),
    (251, 247, 174),
    (106, 106, 255),
)

LCZ42_SEN1_BANDS = SENTINEL1_SO2SAT.bands
LCZ42_SEN2_BANDS = SENTINEL2.pick(
    "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"
)
