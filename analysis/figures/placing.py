"""Places for the names of points, so that no name covers another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DIRECTIONS = 16
DISTANCES = (9.0, 16.0, 26.0, 40.0, 58.0, 80.0, 106.0)
OUTSIDE = 50.0


def place_names(points: Array, sizes: Array, frame: tuple[float, float]) -> Array:
    """Choose the middle of each name, one after the other, where it covers least.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        What is named.
    sizes : ndarray, shape (n, 2)
        Width and height of each name.
    frame : tuple of float
        Width and height of the room, whose lower left corner is (0, 0). All in one unit (points of
        type).

    Returns
    -------
    ndarray, shape (n, 2)
        Always the same for the same input.
    """
    placed = np.zeros_like(points)
    boxes: list[Array] = [_box(point, np.array([7.0, 7.0])) for point in points]
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    for k in np.argsort(-points[:, 1], kind="stable"):
        best, least = points[k], np.inf
        for distance in DISTANCES:
            for angle in angles:
                way = np.array([np.cos(angle), np.sin(angle)])
                middle = points[k] + way * (distance + np.array([sizes[k, 0] / 2, sizes[k, 1] / 2]))
                cost = _cost(_box(middle, sizes[k]), boxes, frame) + 0.02 * distance
                if cost < least:
                    best, least = middle, cost
        placed[k] = best
        boxes.append(_box(best, sizes[k]))
    return placed


def _box(middle: Array, size: Array) -> Array:
    return np.array([*(middle - size / 2), *(middle + size / 2)])


def _cost(box: Array, others: list[Array], frame: tuple[float, float]) -> float:
    """Share of the name's area that is covered or lies outside the room."""
    all_boxes = np.array(others)
    wide = np.minimum(box[2], all_boxes[:, 2]) - np.maximum(box[0], all_boxes[:, 0])
    high = np.minimum(box[3], all_boxes[:, 3]) - np.maximum(box[1], all_boxes[:, 1])
    covered = float((np.maximum(wide, 0) * np.maximum(high, 0)).sum())
    area = (box[2] - box[0]) * (box[3] - box[1])
    beyond = max(0.0, -box[0], -box[1], box[2] - frame[0], box[3] - frame[1])
    return 10 * covered / area + (OUTSIDE + beyond if beyond > 0 else 0.0)
