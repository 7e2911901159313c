"""Run a cluster of one or two nodes on loopback until standard input ends; the smaller one is the head."""

import json
import sys
from typing import Any

from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
head: Any = cluster.head_node
if sys.argv[1] == "2":
    cluster.add_node(num_cpus=2, resources={"special": 1}, memory=2 * 2**30)
processes = [info.process.pid for infos in head.all_processes.values() for info in infos]
print(json.dumps({"address": cluster.address, "head": processes}), flush=True)
sys.stdin.read()
cluster.shutdown()
