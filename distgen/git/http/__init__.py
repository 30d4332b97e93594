"""Our own client of git servers over HTTP: from kept connections up to git's smart protocol."""
