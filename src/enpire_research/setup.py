from setuptools import find_packages, setup

package_name = 'enpire_research'

setup(
    name=package_name,
    version='0.1.0',
    # enpire_policy is what a policy may import; it lies beside, not inside, the package.
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='ENPIRE-ROS maintainers',
    maintainer_email='maintainers@enpire-ros.invalid',
    description='Trials: reset and rollout servers, policy API, direct runner, replay.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'trial_server = enpire_research.trial_server:main',
            'trial_runner = enpire_research.trial_runner_node:main',
            'train_server = enpire_research.train_server:main',
            'research = enpire_research.research:main',
        ],
    },
)
