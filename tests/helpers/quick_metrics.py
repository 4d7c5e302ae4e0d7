"""The registered metrics, with options that make those faster that take long."""

from __future__ import annotations

from genzoo.registry.current import registry

FEW = {
    "ais": "ais:3:chains=1:simulated=2:leapfrogs=1:examples=20",
    "iwae": "iwae:2",
    "sliced-wasserstein": "sliced-wasserstein:directions=20",
}
NAMES = [FEW.get(name, name) for name in registry().names("metric")]
