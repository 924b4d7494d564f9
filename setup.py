"""What `pyproject.toml` cannot say: a wheel carries this release's entries with their records."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
CARRIED = ("*/entry.toml", "*/results/*.json", "*/results/*.npz", "*.toml")
"""Cards, records with their replicates, the maintainers' lists; no weights and no predictions."""


class WithRelease(build_py):
    """Copy the entries beside the packages into the package that looks for them."""

    def run(self) -> None:
        """Build as ever; a development install reads the folder of the clone itself."""
        super().run()
        if self.editable_mode:
            return
        source, target = ROOT / "submissions", Path(self.build_lib) / "harness" / "release"
        for pattern in CARRIED:
            for path in sorted(source.glob(pattern)):
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)


setup(cmdclass={"build_py": WithRelease})
