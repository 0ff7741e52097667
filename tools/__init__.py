"""The commands behind the Makefile: setting up, fetching weights, running suites. Standard library only."""
