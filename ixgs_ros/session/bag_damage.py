"""Recordings that were cut off, as by a power failure: how they are known, and what mends them.

A whole MCAP file ends with the eight bytes that it begins with; its index stands before them, so
without an end there is no index. What was written before can still be read, by tools made for it.
"""

from __future__ import annotations

from pathlib import Path

MCAP_MAGIC = b'\x89MCAP0\r\n'
SQLITE_MAGIC = b'SQLite format 3\x00'
SUFFIXES = ('.mcap', '.db3')


def cut_recording(bag: Path) -> str | None:
    """Return what is wrong with a bag of which an MCAP file has no end, and how to mend it.

    Args:
        bag: a folder or a file.

    Returns:
        A sentence; None where every MCAP file has its end, or is none at all.
    """
    for file in storage_files(bag):
        if _starts_with(file, MCAP_MAGIC) and not _ends_with(file, MCAP_MAGIC):
            whole = file.with_name(f'{file.stem}_recovered.mcap')
            return (f'{file}: the recording was cut off after {file.stat().st_size} bytes (power '
                    'failure, full disk, broken copy?): expected an MCAP file that ends with its '
                    f"index; 'mcap recover {file} -o {whole}' (the tool of mcap.dev) saves what "
                    f'is in it: then give {whole} itself{_in_place(bag)}')
    return None


def unindexed_folder(bag: Path) -> str | None:
    """Return what is wrong with a folder without ``metadata.yaml``, and how to mend it.

    Args:
        bag: a folder or a file.

    Returns:
        A sentence; None where nothing is wrong.
    """
    if not bag.is_dir() or (bag / 'metadata.yaml').exists():
        return None
    files = storage_files(bag)
    mend = (f"an interrupted recording? 'ros2 bag reindex {bag}' writes one, or give "
            f'{files[0].name} in it itself' if files else 'nor any .mcap or .db3 file')
    return f'{bag}: expected a rosbag2 folder, but it has no metadata.yaml ({mend})'


def remedy(bag: Path) -> str:
    """Return what may be done about a SQLite3 bag that cannot be read; '' where it is none.

    SQLite's own ``.recover`` loses the tables that a bag needs; what a power failure leaves is
    whole again as soon as SQLite opens it, with its journal.
    """
    if not any(_starts_with(file, SQLITE_MAGIC) for file in storage_files(bag)):
        return ''
    return ('; copy the .db3 file again from where it was recorded, with the -wal and -journal '
            'files beside it: one that was cut off cannot be mended')


def storage_files(bag: Path) -> list[Path]:
    """Return the MCAP and SQLite3 files of a bag in the order of their names."""
    if bag.is_file():
        return [bag]
    return sorted(file for file in bag.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _in_place(bag: Path) -> str:
    return f", or put it in that file's place and 'ros2 bag reindex {bag}'" if bag.is_dir() else ''


def _starts_with(file: Path, magic: bytes) -> bool:
    with file.open('rb') as stream:
        return stream.read(len(magic)) == magic


def _ends_with(file: Path, magic: bytes) -> bool:
    with file.open('rb') as stream:
        size = stream.seek(0, 2)
        stream.seek(max(len(magic), size - len(magic)))  # the first magic is not the last
        return stream.read() == magic
