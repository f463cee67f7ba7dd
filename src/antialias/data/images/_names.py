"""Files by the names that lists give them, with their ending or without it; names may have dots."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ._pixels import IMAGE_SUFFIXES


class FilesByName:
    """The image files of a folder by name.

    Args:
        folder: The folder; hidden files are not looked at.
        ending: What a name without ending has that has no file.
    """

    def __init__(self, folder: Path, ending: str) -> None:
        self.folder, self.ending = folder, ending
        self._files: dict[str, list[str]] = defaultdict(list)
        for entry in folder.iterdir() if folder.is_dir() else ():
            if entry.suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith("."):
                self._files[name_of(entry)].append(entry.name)

    def find(self, name: str) -> Path:
        """Return the file of a name, whether it is there or not.

        Raises:
            ValueError: There are several.
        """
        if Path(name).suffix.lower() in IMAGE_SUFFIXES and (self.folder / name).is_file():
            return self.folder / name
        files = sorted(self._files.get(name, ()))
        if len(files) > 1:
            raise ValueError(f"{self.folder} has {' and '.join(files)} for the name {name!r}. Keep one of them.")
        if files:
            return self.folder / files[0]
        return self.folder / (name if Path(name).suffix.lower() in IMAGE_SUFFIXES else f"{name}{self.ending}")


def name_of(file: Path) -> str:
    """Return a file's name without the ending of an image.

    Example:
        >>> name_of(Path("cam.0001.jpg")), name_of(Path("cam.0001"))
        ('cam.0001', 'cam.0001')
    """
    return file.stem if file.suffix.lower() in IMAGE_SUFFIXES else file.name
