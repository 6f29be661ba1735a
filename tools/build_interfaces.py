"""Build the interfaces, and a stand-in for tf2_msgs, into the virtual environment that runs this.

Only where ROS comes from wheels; in an ordinary ROS 2 workspace colcon does it. Installed into
``sys.prefix`` they are found without any environment variable. A digest of all that goes in is
stored beside the result, so that nothing is built twice.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
import shutil
import subprocess
import sys
import sysconfig

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / 'tools' / 'wheels'
PRUNE_INCLUDES = WHEELS / 'prune_includes.cmake'


class BuildError(Exception):
    """A step of the build failed; the message holds the end of its output."""


def sources(package: Path) -> list[Path]:
    """Return the files that decide what the interfaces of a package are, in a fixed order."""
    files = [package / 'CMakeLists.txt', package / 'package.xml', PRUNE_INCLUDES, Path(__file__)]
    for kind in ('msg', 'srv', 'action'):
        files += sorted((package / kind).glob(f'*.{kind}'))
    return files


def digest(package: Path) -> str:
    """Return the SHA-256 of a package's interfaces and of the Python they are built for, hex."""
    found = hashlib.sha256(sys.version.encode())
    for file in sources(package):
        content = file.read_bytes()
        found.update(f'{file.name}\0{len(content)}\0'.encode() + content)
    return found.hexdigest()


def stamp_path(name: str) -> Path:
    """Return where the digest of a built package is kept."""
    return Path(sys.prefix) / 'share' / name / '.interfaces.sha256'


def is_current(name: str, package: Path) -> bool:
    """Return whether the environment holds this package as its sources are now."""
    stamp = stamp_path(name)
    return stamp.is_file() and stamp.read_text() == digest(package)


def cmake_arguments(prefix: Path) -> list[str]:
    """Return the CMake arguments that the wheels need, whoever calls CMake."""
    return ['-DCMAKE_BUILD_TYPE=Release', f'-DPython3_EXECUTABLE={prefix / "bin" / "python"}',
            f'-DCMAKE_PROJECT_INCLUDE={PRUNE_INCLUDES}']


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        end = '\n'.join(done.stdout.splitlines()[-30:])
        raise BuildError(f'{" ".join(command)} exited with {done.returncode}:\n{end}')


def build(name: str, package: Path, *definitions: str) -> None:
    """Build a package's interfaces into the environment, unless they are current.

    Args:
        name: the ROS package's name.
        package: the folder of its CMakeLists.txt.
        definitions: further CMake arguments.

    Raises:
        BuildError: CMake or the compiler failed.
    """
    if is_current(name, package):
        return
    prefix = Path(sys.prefix)
    work = prefix / 'build-interfaces' / name
    # A folder of an earlier, interrupted build may be half written.
    shutil.rmtree(work, ignore_errors=True)
    stamp_path(name).unlink(missing_ok=True)
    environment = dict(os.environ, AMENT_PREFIX_PATH=str(prefix), CMAKE_PREFIX_PATH=str(prefix),
                       PATH=sysconfig.get_path('scripts') + os.pathsep + os.environ['PATH'])
    # A sourced ROS workspace would mix its own messages in.
    for variable in ('PYTHONPATH', 'COLCON_PREFIX_PATH'):
        environment.pop(variable, None)
    _run(['cmake', '-S', str(package), '-B', str(work), '-G', 'Ninja', '-DBUILD_TESTING=OFF',
          f'-DCMAKE_INSTALL_PREFIX={prefix}', *cmake_arguments(prefix), *definitions], environment)
    _run(['cmake', '--build', str(work), '--target', 'install'], environment)
    shutil.rmtree(work)
    stamp_path(name).write_text(digest(package))


def main() -> int:
    """Build what is not current; return the exit code."""
    if sys.prefix == sys.base_prefix:
        print('build_interfaces: run it with the Python of the virtual environment that holds the '
              'ROS wheels', file=sys.stderr)
        return 2
    try:
        build('tf2_msgs', WHEELS / 'tf2_msgs')
        build('ixgs', ROOT, '-DIXGS_INSTALL_PYTHON=OFF')
    except BuildError as error:
        print(f'build_interfaces: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
