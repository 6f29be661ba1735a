"""A ROS domain of one's own: tests, demos and replays must not hear each other or a live rig.

Only the domains 1 to 101 have UDP ports below the range that Linux hands out to other programs. A
domain is claimed by locking a file in the temporary folder; the lock goes with the process that
holds it, however it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import random
import tempfile

DOMAINS = range(1, 102)


class NoDomainLeft(RuntimeError):
    """All domains are claimed by other runs on this host."""


@contextmanager
def private_domain() -> Iterator[int]:
    """Claim a domain that no other run of this project on this host uses.

    Yields:
        The domain's number, for ``ROS_DOMAIN_ID``.

    Raises:
        NoDomainLeft: all are claimed.
    """
    folder = Path(tempfile.gettempdir()) / f'ixgs_domains_{os.getuid()}'
    folder.mkdir(mode=0o700, exist_ok=True)
    for domain in random.sample(DOMAINS, len(DOMAINS)):
        # Opened for appending, so that a claim that fails changes nothing.
        with (folder / str(domain)).open('a') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise NoDomainLeft(f'all {len(DOMAINS)} ROS domains are in use by other runs on this host; '
                       f'their locks lie in {folder}')


def private_environment(domain: int) -> dict[str, str]:
    """Return the environment variables that keep a process on a domain of this host."""
    return {'ROS_DOMAIN_ID': str(domain), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
