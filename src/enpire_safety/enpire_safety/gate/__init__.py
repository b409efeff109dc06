"""The gate without ROS: limits, rules and the decision. Pure: time is passed in."""
