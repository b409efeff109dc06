from glob import glob

from setuptools import find_packages, setup

package_name = 'enpire_bringup'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(exclude=['test', 'test.*']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
        ('bin', ['bin/enpire']),
        ('share/' + package_name + '/config', glob('config/*.yaml')),
        ('share/' + package_name + '/launch', glob('launch/*.launch.py')),
        ('share/' + package_name + '/rviz', glob('rviz/*.rviz')),
    ],
    install_requires=['setuptools'],
    zip_safe=True,
    maintainer='ENPIRE-ROS maintainers',
    maintainer_email='maintainers@enpire-ros.invalid',
    description='The lab as data, its processes, launch files, rviz configuration and the enpire command.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'enpire = enpire_bringup.cli:main',
            'lab_view = enpire_bringup.view.lab_view_node:main',
            'operator_hook = enpire_bringup.operator_hook_node:main',
        ],
    },
)
