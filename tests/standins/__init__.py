"""Local stand-ins of the services that real data comes from; the simulated landscape is their truth."""
