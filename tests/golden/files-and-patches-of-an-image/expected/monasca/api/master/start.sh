#!/bin/sh
exec uwsgi /etc/wsgi.ini
