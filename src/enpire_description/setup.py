from glob import glob

from setuptools import find_packages, setup

package_name = 'enpire_description'
FOLDERS = ('mjcf', 'urdf', 'meshes', 'limits', 'config')

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml', 'README.md']),
        *((f'share/{package_name}/{folder}', glob(f'{folder}/*')) for folder in FOLDERS),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='ENPIRE-ROS maintainers',
    maintainer_email='maintainers@enpire-ros.invalid',
    description='The robot of a station as data.',
    license='Apache-2.0',
)
