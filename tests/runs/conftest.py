"""Ray clusters of several nodes on loopback."""

import os
from collections.abc import Callable, Iterator

import pytest

faults_only = pytest.mark.skipif("TAILMARK_FAULTS" not in os.environ, reason="part of make faults")


@pytest.fixture(scope="module")
def cluster_of() -> Callable[..., Iterator]:
    """Return what starts a cluster: ``yield from cluster_of(1, 1)`` has two nodes of one CPU."""
    pytest.importorskip("ray", reason="Ray is an extra: pip install 'tailmark[ray]'")

    def start(*cpus: int) -> Iterator:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
            from ray.cluster_utils import Cluster

            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus[0]})
            for count in cpus[1:]:
                cluster.add_node(num_cpus=count)
            yield cluster
            cluster.shutdown()

    return start


@pytest.fixture
def two_nodes(cluster_of) -> Iterator:
    """Two nodes of one CPU each."""
    yield from cluster_of(1, 1)
