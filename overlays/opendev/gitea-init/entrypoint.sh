#!/bin/sh
# Write Gitea's configuration, which holds secrets, for the user that Gitea runs as and for nobody else.
set -eu

umask 077
mkdir -p "$(dirname "$JINJA_DEST_FILE")"
python /run.py
chown 1000:1000 "$(dirname "$JINJA_DEST_FILE")" "$JINJA_DEST_FILE"
