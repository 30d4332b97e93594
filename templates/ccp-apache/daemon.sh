#!/bin/sh
# Apache in the foreground; its log goes where the site says.
set -eu
. /etc/apache2/envvars
rm -f "$APACHE_PID_FILE"
exec /usr/sbin/apache2 -DFOREGROUND
