import sys
from types import ModuleType

import pytest

from earwitness_ray.cluster import Demand, FatalError, RayCluster


@pytest.mark.parametrize(
    ("demand", "resources", "slots"),
    [
        (Demand(gpus=1), {"GPU": 4.0, "CPU": 2.0}, 4),
        (Demand(gpus=0.1, cpus=1), {"GPU": 1.0, "CPU": 64.0}, 10),
        (Demand(gpus=1, cpus=2), {"GPU": 4.0, "CPU": 5.0}, 2),
        (Demand(custom={"slot": 1}), {"slot": 3.0}, 3),
        (Demand(custom={"slot": 1}), {"CPU": 3.0}, 0),
        (Demand(), {"CPU": 3.0}, 0),
    ],
)
def test_demand_fits_as_often_as_the_scarcest_resource(demand: Demand, resources: dict[str, float], slots: int) -> None:
    assert demand.fits(resources) == slots


def test_missing_ray_is_an_error_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(FatalError, match="no package `ray`") as error:
        RayCluster("auto", Demand(gpus=1))
    assert "pip install ray" in error.value.remedy


@pytest.mark.parametrize("version", ["2.9.3", "3.0.0"])
def test_version_of_ray_that_is_not_supported_is_an_error(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    ray = ModuleType("ray")
    ray.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(FatalError, match=f"Ray {version} is not supported"):
        RayCluster("auto", Demand(gpus=1))
