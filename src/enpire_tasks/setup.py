from setuptools import find_packages, setup

package_name = 'enpire_tasks'

setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    # A task's data lies beside its programs: one folder is all that a manifest hashes.
    package_data={package_name: ['*/*.yaml', '*/*.md', '*/*.json', '*/assets/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='ENPIRE-ROS maintainers',
    maintainer_email='maintainers@enpire-ros.invalid',
    description='Tasks as frozen data and pure programs.',
    license='Apache-2.0',
)
