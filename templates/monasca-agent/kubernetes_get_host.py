#!/usr/bin/env python3
"""Print the name of the Kubernetes node that this pod runs on."""

from monasca_agent.collector.checks import utils

TIMEOUT = 3

print(utils.KubernetesConnector(TIMEOUT).get_agent_pod_host(return_host_name=True))
