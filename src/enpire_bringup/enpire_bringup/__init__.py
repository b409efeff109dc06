"""The lab as data, its processes, and the `enpire` command. Modules without ROS unless named `*_node` or `graph`."""
