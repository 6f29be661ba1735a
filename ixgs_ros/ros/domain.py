"""A ROS domain of one's own, and node names of one's own on a shared one.

Tests, demos and replays must not hear each other or a live rig; two nodes of one name would both
act on every request. What is claimed is a lock on a file in the temporary folder: certain at once,
where DDS discovery takes seconds and may miss, and gone with the process that holds it, however it
ends. Only the domains 1 to 101 have UDP ports below the range that Linux hands out to other
programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, ExitStack
import fcntl
import os
from pathlib import Path
import random
import tempfile
from typing import IO

from ixgs_ros.parameters import ParameterError

DOMAINS = range(1, 102)
# Beyond it DDS runs out of UDP ports.
HIGHEST = 232


class NoDomainLeft(RuntimeError):
    """All domains are claimed by other runs on this host."""


class NameTaken(RuntimeError):
    """A node of the same name is there already; the message says which and where."""


@contextmanager
def private_domain() -> Iterator[int]:
    """Claim a domain that no other run of this project on this host uses.

    Yields:
        The domain's number, for ``ROS_DOMAIN_ID``.

    Raises:
        NoDomainLeft: all are claimed.
    """
    for domain in random.sample(DOMAINS, len(DOMAINS)):
        claim = _claim(str(domain))
        if claim is not None:
            with claim:
                yield domain
            return
    raise NoDomainLeft(f'all {len(DOMAINS)} ROS domains are in use by other runs on this host; '
                       f'their locks lie in {_folder()}')


@contextmanager
def claimed_names(domain: int, names: Iterable[str]) -> Iterator[None]:
    """Claim full node names on a domain, against other runs of this user on this host.

    Raises:
        NameTaken: another run holds one of them.
    """
    with ExitStack() as claims:
        for name in names:
            claim = _claim(f'{domain}{name.replace("/", ".")}')
            if claim is None:
                raise NameTaken(taken(domain, name))
            claims.enter_context(claim)
        yield


def taken(domain: int, names: str) -> str:
    """Return the sentence that says that nodes of these names run already."""
    return (f'{names} runs already on ROS domain {domain}; expected to be alone: end it, or set '
            'another ROS_DOMAIN_ID')


def domain_of_environment() -> int:
    """Return the domain that a ROS program started now would be on.

    Raises:
        ParameterError: the environment names none.
    """
    text = os.environ.get('ROS_DOMAIN_ID') or '0'
    if not text.isdecimal() or int(text) > HIGHEST:
        raise ParameterError(f'ROS_DOMAIN_ID: expected a whole number from 0 to {HIGHEST}, got '
                             f'{text!r}')
    return int(text)


def private_environment(domain: int) -> dict[str, str]:
    """Return the environment variables that keep a process on a domain of this host."""
    return {'ROS_DOMAIN_ID': str(domain), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f'ixgs_domains_{os.getuid()}'


def _claim(name: str) -> IO[str] | None:
    """Return a file whose lock is held until it is closed, or None if another run holds it."""
    _folder().mkdir(mode=0o700, exist_ok=True)
    # Opened for appending, so that a claim that fails changes nothing.
    file = (_folder() / name).open('a')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
