"""Models: scored candidates go in, a registered version of a country's model and its champion come out.

Candidates are selected, fitted and logged; champions are loaded, and served to whoever asks MLflow. It may
touch the tracking store and the registry, and read archives.
"""
