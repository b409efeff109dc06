"""Where the top camera is, from the marks on the tray. Pure: OpenCV and numpy.

First the marks are detected and a pose follows from their corners; then the pose is refined on all
grey values of the marks at once (Gauss-Newton), which is an order finer than corners of marks of
20 pixels, and blind to brightness and contrast. Not covered: errors of the intrinsics, lens distortion.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from . import geometry as g

# Marks are small in the image (about 20 pixels): they are looked for in an enlarged copy.
ENLARGE = 3
MIN_MARKS = 3
# A mark whose grey values agree less with the print is partly covered, and is left out.
MIN_CORRELATION = 0.92
PATCH_PITCH = 0.002
TEMPLATE_BLUR = 0.0018
ITERATIONS = 15


@dataclass(frozen=True)
class TrayCamera:
    """The camera as the marks show it: points of frame station go to the optical frame by
    ``rotation`` (3, 3) and ``translation`` (3,), then through ``matrix`` (3, 3) to pixels.

    ``marks``: identifiers that were used; ``correlation``: of their grey values with the print, 0..1.
    """

    matrix: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    marks: tuple
    correlation: float

    def project(self, points):
        """Return pixels (N, 2) of ``points`` (N, 3) in frame station."""
        local = np.asarray(points) @ self.rotation.T + self.translation
        image = local @ self.matrix.T
        return image[:, :2] / image[:, 2:]

    def to_plane(self, pixels, z):
        """Return the points (N, 2) of frame station at height ``z`` [m] that ``pixels`` (N, 2) show."""
        rays = np.linalg.solve(self.matrix, np.c_[np.asarray(pixels, float), np.ones(len(pixels))].T)
        rays = self.rotation.T @ rays
        eye = self.eye()
        scale = (z - eye[2]) / rays[2]
        return (eye[:, None] + rays * scale)[:2].T

    def eye(self):
        """Return the optical centre (3,) in frame station."""
        return -self.rotation.T @ self.translation


def _detector():
    parameters = cv2.aruco.DetectorParameters()
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    parameters.cornerRefinementWinSize = 4
    parameters.minMarkerPerimeterRate = 0.02
    return cv2.aruco.ArucoDetector(_dictionary(), parameters)


def _dictionary():
    return cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)


def detect_marks(grey):
    """Return {identifier: corners (4, 2) [px]} of the tray's marks in a grey image (H, W) uint8."""
    enlarge = ENLARGE if grey.shape[1] <= 700 else 2
    large = cv2.resize(grey, None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    corners, identifiers, _ = _detector().detectMarkers(large)
    if identifiers is None:
        return {}
    found = {}
    for quad, identifier in zip(corners, identifiers.ravel()):
        if int(identifier) in g.MARKS and int(identifier) not in found:
            found[int(identifier)] = (quad.reshape(4, 2) + 0.5) / enlarge - 0.5
    return found


def _patches():
    """Return {identifier: (points (N, 3) in frame station, printed grey (N,) with mean 0)}."""
    modules, fine = 6, 16
    side = modules * fine
    pitch = g.MARK_SIDE / side
    quiet = int(round(g.MARK_QUIET / pitch))
    offset = np.arange(-g.MARK_SIDE / 2 - g.MARK_QUIET / 2, g.MARK_SIDE / 2 + g.MARK_QUIET / 2 + 1e-9,
                       PATCH_PITCH)
    patches = {}
    for identifier, (x, y) in g.MARKS.items():
        mark = cv2.aruco.generateImageMarker(_dictionary(), identifier, side)
        mark = cv2.copyMakeBorder(mark, quiet, quiet, quiet, quiet, cv2.BORDER_CONSTANT, value=255)
        mark = cv2.GaussianBlur(mark.astype(np.float32), (0, 0), TEMPLATE_BLUR / pitch)
        dx, dy = np.meshgrid(offset, offset, indexing='ij')
        middle = mark.shape[0] / 2 - 0.5
        columns = (middle - dy / pitch).astype(np.float32)
        rows = (middle - dx / pitch).astype(np.float32)
        values = cv2.remap(mark, columns, rows, cv2.INTER_LINEAR, borderValue=255).ravel().astype(float)
        points = np.stack([x + dx.ravel(), y + dy.ravel(), np.full(dx.size, g.PRINT_Z)], 1)
        patches[identifier] = (points, values - values.mean())
    return patches


_PATCHES = _patches()


def _sample(image, pixels):
    return cv2.remap(image, pixels[None, :, 0].astype(np.float32), pixels[None, :, 1].astype(np.float32),
                     cv2.INTER_LINEAR)[0].astype(float)


def _projection_jacobian(camera, points):
    """Return d pixel / d (small rotation, shift) in the optical frame, (N, 2, 6)."""
    local = points @ camera.rotation.T + camera.translation
    x, y, z = local.T
    fx, fy = camera.matrix[0, 0], camera.matrix[1, 1]
    zero = np.zeros_like(x)
    by_point = np.stack([np.stack([fx / z, zero, -fx * x / z ** 2], 1),
                         np.stack([zero, fy / z, -fy * y / z ** 2], 1)], 1)
    cross = np.stack([np.stack([zero, z, -y], 1), np.stack([-z, zero, x], 1),
                      np.stack([y, -x, zero], 1)], 1)
    return np.concatenate([by_point @ cross, by_point], 2)


def _moved(camera, step):
    turn = cv2.Rodrigues(step[:3])[0]
    return TrayCamera(camera.matrix, turn @ camera.rotation, turn @ camera.translation + step[3:],
                      camera.marks, camera.correlation)


def _correlation(image, camera, identifier):
    points, printed = _PATCHES[identifier]
    seen = _sample(image, camera.project(points))
    seen = seen - seen.mean()
    return float(seen @ printed / max(np.linalg.norm(seen) * np.linalg.norm(printed), 1e-9))


def _refine(grey, camera, identifiers):
    """Return the camera after Gauss-Newton on the grey values of the marks ``identifiers``."""
    image = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.6)
    slope_x = cv2.Sobel(image, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope_y = cv2.Sobel(image, cv2.CV_32F, 0, 1, scale=1 / 8)
    for _ in range(ITERATIONS):
        rows, residuals = [], []
        for identifier in identifiers:
            points, printed = _PATCHES[identifier]
            pixels = camera.project(points)
            seen = _sample(image, pixels)
            slope = np.stack([_sample(slope_x, pixels), _sample(slope_y, pixels)], 1)
            jacobian = np.einsum('ni,nij->nj', slope, _projection_jacobian(camera, points))
            # Gain and offset of each mark are free: both sides are made blind to them.
            basis = np.stack([printed / np.linalg.norm(printed), np.full(len(printed), len(printed) ** -0.5)])
            contrast = max(float(basis[0] @ seen), 1e-6)
            rows.append((jacobian - basis.T @ (basis @ jacobian)) / contrast)
            residuals.append((basis.T @ (basis @ seen) - seen) / contrast)
        step, *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate(residuals), rcond=None)
        camera = _moved(camera, step)
        if np.abs(step).max() < 1e-7:
            break
    return camera


def locate_camera(color, info):
    """Return the TrayCamera that the marks in ``color`` (H, W, 3) show; None with fewer than MIN_MARKS.

    ``info``: CameraInfo; its intrinsics are believed, its pose is only a first guess.
    """
    grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY)
    found = detect_marks(grey)
    if len(found) < MIN_MARKS:
        return None
    world = np.concatenate([g.mark_corners(i) for i in sorted(found)])
    pixels = np.concatenate([found[i] for i in sorted(found)])
    nominal = np.linalg.inv(info.pose)
    turn, shift = cv2.Rodrigues(nominal[:3, :3])[0], nominal[:3, 3:].copy()
    turn, shift = cv2.solvePnPRefineLM(world, pixels, info.matrix, None, turn, shift)
    camera = TrayCamera(info.matrix, cv2.Rodrigues(turn)[0], shift.ravel(), (), 0.0)
    good = sorted(found)
    for _ in range(2):
        camera = _refine(grey, camera, good)
        # All marks are asked again, also those that the detector missed.
        good = [i for i in sorted(g.MARKS) if _correlation(grey, camera, i) >= MIN_CORRELATION]
        if len(good) < MIN_MARKS:
            return None
    return TrayCamera(camera.matrix, camera.rotation, camera.translation, tuple(good),
                      min(_correlation(grey, camera, i) for i in good))
