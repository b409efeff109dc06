from setuptools import find_packages, setup

package_name = 'enpire_safety'

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
    description='The safety gate: the only way to an arm.',
    license='Apache-2.0',
    entry_points={'console_scripts': ['safety_gate = enpire_safety.safety_gate_node:main']},
)
