#!/bin/sh
# Waits until every address given accepts a TCP connection; fails when one never does.
#
#   wait_for.sh HOST:PORT|URL...
#
# WAIT_RETRIES and WAIT_INTERVAL say how often and how many seconds apart it tries.
set -eu

retries="${WAIT_RETRIES:-24}"
interval="${WAIT_INTERVAL:-5}"

# "http://keystone:5000/v3" and "keystone:5000" both end as "keystone:5000".
authority() {
    rest="${1#*://}"
    rest="${rest%%/*}"
    case "$rest" in
        *:*) echo "$rest" ;;
        *) case "$1" in
               https://*) echo "$rest:443" ;;
               http://*) echo "$rest:80" ;;
               *) echo "wait_for.sh: no port in \"$1\"; write HOST:PORT" >&2; return 1 ;;
           esac ;;
    esac
}

wait_for() {
    address="$(authority "$1")"
    attempt=1
    until nc -z -w 2 "${address%:*}" "${address##*:}" 2>/dev/null; do
        if [ "$attempt" -ge "$retries" ]; then
            echo "wait_for.sh: $address did not answer in $retries attempts" >&2
            return 1
        fi
        echo "wait_for.sh: $address does not answer yet (attempt $attempt of $retries)"
        attempt=$((attempt + 1))
        sleep "$interval"
    done
    echo "wait_for.sh: $address answers"
}

if [ "$#" -eq 0 ]; then
    echo "usage: wait_for.sh HOST:PORT|URL..." >&2
    exit 2
fi

for target in "$@"; do
    wait_for "$target"
done
