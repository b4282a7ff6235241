"""Long work in threads keeps little memory."""

from __future__ import annotations

import subprocess
import sys


def test_garbage_is_collected_again_and_arrow_keeps_no_heap_a_thread() -> None:
    code = (
        "import gc, pyarrow; gc.disable(); from cropland.sources.download import memory; memory.spare();"
        "print(gc.isenabled(), pyarrow.default_memory_pool().backend_name)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.split() == ["True", "system"]
