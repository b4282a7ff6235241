"""The one step of the build that ``pyproject.toml`` has no word for: ``conf/`` goes into the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CONF = Path(__file__).parent / "conf"


class BuildWithConfiguration(build_py):
    """Copies the top-level ``conf/`` into the wheel as ``cropland/conf``; a checkout keeps using its own."""

    def run(self) -> None:
        """Build the package, then copy all but a user's own defaults."""
        super().run()
        if not self.editable_mode:
            built = Path(self.build_lib) / "cropland" / "conf"
            shutil.copytree(CONF, built, dirs_exist_ok=True)
            (built / "local.yaml").unlink(missing_ok=True)


setup(cmdclass={"build_py": BuildWithConfiguration})
