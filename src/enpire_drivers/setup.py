from setuptools import find_packages, setup

package_name = 'enpire_drivers'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=True,
    maintainer='ENPIRE-ROS maintainers',
    maintainer_email='maintainers@enpire-ros.invalid',
    description='Arm and camera drivers of a station.',
    license='Apache-2.0',
    entry_points={'console_scripts': [
        'sim_station = enpire_drivers.sim_station:main',
    ]},
)
