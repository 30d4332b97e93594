"""CentOS' container pipeline: a file in each repository, and the index beside them."""
