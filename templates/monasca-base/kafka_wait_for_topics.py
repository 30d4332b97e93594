#!/usr/bin/env python3
"""Wait until the Kafka brokers know every topic this service reads or writes.

KAFKA_URI                 brokers, host:port, comma separated
KAFKA_WAIT_FOR_TOPICS     topics, comma separated; none: return at once
KAFKA_WAIT_RETRIES        attempts (24)
KAFKA_WAIT_INTERVAL       seconds between attempts (5)
"""

import os
import sys
import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

BROKER_TIMEOUT = 5


def words(name, default=""):
    """Return the comma separated words of an environment variable."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def missing_topics(client, wanted):
    """Return the wanted topics that the brokers do not have, sorted."""
    known = client.list_topics(timeout=BROKER_TIMEOUT).topics
    return sorted(topic for topic in wanted if topic not in known or known[topic].error)


def main():
    """Return 0 once every topic exists, 1 when the attempts are used up."""
    brokers = ",".join(words("KAFKA_URI", "kafka:9092"))
    wanted = words("KAFKA_WAIT_FOR_TOPICS")
    retries = int(os.environ.get("KAFKA_WAIT_RETRIES", "24"))
    interval = float(os.environ.get("KAFKA_WAIT_INTERVAL", "5"))
    if not wanted:
        return 0

    client = AdminClient({"bootstrap.servers": brokers})
    for attempt in range(1, retries + 1):
        try:
            missing = missing_topics(client, wanted)
            if not missing:
                print(f"kafka at {brokers} has {', '.join(sorted(wanted))}", flush=True)
                return 0
            reason = f"lacks {', '.join(missing)}"
        except KafkaException as error:
            reason = f"does not answer: {error}"
        print(f"kafka at {brokers} {reason} (attempt {attempt} of {retries})", flush=True)
        if attempt < retries:
            time.sleep(interval)
    print(f"gave up waiting for kafka at {brokers}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
