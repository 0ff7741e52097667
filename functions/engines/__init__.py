"""One model per file."""

import os

# onnxruntime's wheels since 1.32 write an id of the machine into its home directory and report to their makers what is
# run. Nobody who talks here was asked for that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
