#!/usr/bin/env python3
"""Wait until the MySQL database of this service can be logged into.

MYSQL_HOST, MYSQL_PORT, MYSQL_USER, MYSQL_PASSWORD, MYSQL_DB     where and as whom
MYSQL_WAIT_RETRIES        attempts (24)
MYSQL_WAIT_INTERVAL       seconds between attempts (5)
"""

import os
import sys
import time

import pymysql

CONNECT_TIMEOUT = 5


def connect():
    """Open a connection as the service would, ask it one question, and close it."""
    connection = pymysql.connect(
        host=os.environ.get("MYSQL_HOST", "mysql"),
        port=int(os.environ.get("MYSQL_PORT", "3306")),
        user=os.environ.get("MYSQL_USER", "monapi"),
        password=os.environ.get("MYSQL_PASSWORD", "password"),
        database=os.environ.get("MYSQL_DB", "mon"),
        connect_timeout=CONNECT_TIMEOUT,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def main():
    """Return 0 once the database answers, 1 when the attempts are used up."""
    retries = int(os.environ.get("MYSQL_WAIT_RETRIES", "24"))
    interval = float(os.environ.get("MYSQL_WAIT_INTERVAL", "5"))
    for attempt in range(1, retries + 1):
        try:
            connect()
        except (pymysql.Error, OSError) as error:
            print(f"mysql is not ready: {error} (attempt {attempt} of {retries})", flush=True)
        else:
            print("mysql is ready", flush=True)
            return 0
        if attempt < retries:
            time.sleep(interval)
    print("gave up waiting for mysql", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
