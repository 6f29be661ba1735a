"""Progress: lines in a log, one rewritten line on a terminal."""

import io

from ixgs_ros.cli.progress import Counter


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_the_first_and_the_last_line():
    stream = io.StringIO()
    with Counter('taking shots', 50, stream) as counter:
        for done in range(1, 51):
            counter(done)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith('taking shots: 0 of 50')
    assert lines[-1].startswith('taking shots: 50 of 50') and len(lines) == 2


def test_a_terminal_line_is_rewritten_and_ended():
    stream = Terminal()
    with Counter('x', 3, stream) as counter:
        counter(1)
        counter(2)
    assert stream.getvalue().count('\r') == 3 and stream.getvalue().endswith('\n')
