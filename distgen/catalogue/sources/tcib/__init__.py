"""TripleO's container image build (tcib): images as a tree of folders with YAML files."""
