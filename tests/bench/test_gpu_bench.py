"""`python -m bench.gpu` measures where there is a GPU, and says so where there is none."""

import json
import os
import subprocess
import sys

from bench.child import ROOT
from bench.size import SMALL, VARIABLE
from detectors.multivariate.torch_backend import torch


def test_the_gpu_is_measured_or_said_to_be_missing():
    environment = os.environ | {VARIABLE: SMALL, "PYTHONPATH": str(ROOT / "client")}
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if torch().cuda.is_available():
        found = json.loads(done.stdout)
        assert found["device"] == torch().cuda.get_device_name()
        assert [case["agree"] for case in found["cases"]] == [True, True, True]
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert "no GPU here" in done.stderr
