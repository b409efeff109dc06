"""What stands around the robot in the simulation: table, tray, camera mast, light."""

from .engine import mujoco

TABLE_SIZE = (0.70, 0.75, 0.02)
TABLE_CENTRE_X = 0.22
TRAY_FLOOR_FRICTION = (0.4, 0.005, 0.0001)
CONTACT = {'solref': [0.0045, 1.0], 'solimp': [0.95, 0.99, 0.0005, 0.5, 2.0]}
MAST = (-0.24, 0.0, 0.40)
BOOM_Z = 0.76


def add_surroundings(spec, figures):
    """Add table, tray, mast and lights to ``spec``; ``figures``: config/station.yaml."""
    _add_materials(spec)
    _add_lights(spec)
    _add_table(spec)
    _add_tray(spec, figures['tray'])
    _add_mast(spec)


def _add_materials(spec):
    for name, rgba in (('table', [0.50, 0.51, 0.52, 1]), ('tray', [0.86, 0.86, 0.84, 1]),
                       ('tray_rim', [0.36, 0.38, 0.40, 1]), ('mast', [0.62, 0.64, 0.66, 1])):
        spec.add_material(name=name, rgba=rgba, specular=0.0, shininess=0.0)
    # Seen in fine pictures only: cameras see black beyond the table.
    spec.add_texture(name='sky', type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
                     rgb1=[0.93, 0.95, 0.97], rgb2=[0.66, 0.71, 0.77], width=64, height=384)


def _add_lights(spec):
    for name, position, level in (('left_lamp', [0.1, 0.9, 1.8], 0.35), ('right_lamp', [0.6, -0.9, 1.8], 0.25)):
        direction = [0.35 - position[0], -position[1], -position[2]]
        spec.worldbody.add_light(name=name, pos=position, dir=direction, diffuse=[level] * 3,
                                 ambient=[0, 0, 0], specular=[0.1] * 3,
                                 type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)


def _box(spec, name, centre, half, material, solid=True, **options):
    collide = int(solid)
    return spec.worldbody.add_geom(
        name=name, type=mujoco.mjtGeom.mjGEOM_BOX, pos=list(centre), size=list(half), material=material,
        contype=collide, conaffinity=collide, **{**CONTACT, **options})


def _add_table(spec):
    x, y, z = TABLE_SIZE
    _box(spec, 'table', (TABLE_CENTRE_X, 0, -z), (x, y, z), 'table')


def _add_tray(spec, tray):
    """Add the floor, its top at floor_z, and four rims around the inside of the tray."""
    (cx, cy), (sx, sy) = tray['centre'], tray['size']
    floor, rim, thick = tray['floor_z'], tray['rim_height'], tray['rim_thickness'] / 2
    hx, hy = sx / 2, sy / 2
    _box(spec, 'tray_floor', (cx, cy, floor / 2), (hx, hy, floor / 2), 'tray', friction=TRAY_FLOOR_FRICTION)
    half_z = (floor + rim) / 2
    for name, sign in (('far', 1), ('near', -1)):
        _box(spec, f'tray_rim_{name}', (cx + sign * (hx + thick), cy, half_z),
             (thick, hy + 2 * thick, half_z), 'tray_rim')
    for name, sign in (('left', 1), ('right', -1)):
        _box(spec, f'tray_rim_{name}', (cx, cy + sign * (hy + thick), half_z), (hx, thick, half_z), 'tray_rim')


def _add_mast(spec):
    """Add the mast behind the arms and the boom that carries the top camera."""
    camera = spec.body('top_camera_color_optical_frame').pos
    x, y, half = MAST
    _box(spec, 'mast', (x, y, half), (0.02, 0.02, half), 'mast')
    _box(spec, 'boom', ((x + camera[0]) / 2, y, BOOM_Z + 0.02), ((camera[0] - x) / 2 + 0.02, 0.02, 0.02), 'mast')
