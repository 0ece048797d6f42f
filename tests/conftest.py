"""What all test files need: no hub, quiet tokenizers, and property tests that no slow machine can fail."""

import os

from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
