"""Worker processes: their share of cores and GPUs; `tests/cli/test_sharing.py` starts them."""

from __future__ import annotations

import pytest

from genzoo.experiment import jobs


def test_workers_have_their_share_of_cores_and_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*jobs.SET_BY_USER, jobs.VISIBLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jobs, "usable_cores", lambda: 8.0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert jobs.environments(3) == [{"OMP_NUM_THREADS": "2"}] * 3
    assert jobs.environments(20) == [{"OMP_NUM_THREADS": "1"}] * 20
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [each[jobs.VISIBLE] for each in jobs.environments(3)] == ["0", "1", "0"]
    assert jobs.environments(2, deal=False) == [{"OMP_NUM_THREADS": "4"}] * 2
    monkeypatch.setenv(jobs.VISIBLE, "5, GPU-a,7")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    assert jobs.environments(2) == [{jobs.VISIBLE: "5"}, {jobs.VISIBLE: "GPU-a"}]
