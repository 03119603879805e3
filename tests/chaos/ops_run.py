"""An `ops/run` in the background, as its user has it in a terminal."""

import signal
import subprocess
import threading

from settings import ROOT
from supervisor import wait_for

READY_SECONDS_MAX = 300  # it may have to build
END_SECONDS_MAX = 60


def command(folder, port, *arguments):
    return [ROOT / "ops" / "run", "--data", folder, "--port", str(port), *arguments]


class Run:
    """Its output is collected."""

    def __init__(self, folder, port, *arguments):
        self.lines = []
        self.process = subprocess.Popen(command(folder, port, *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True)
        self.reader = threading.Thread(target=self.collect, daemon=True)
        self.reader.start()

    def collect(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def text(self):
        return "".join(self.lines)

    def wait_for(self, what, times=1):
        """Until it has said so, so many times."""
        wait_for(lambda: self.text().count(what) >= times or self.process.poll() is not None, READY_SECONDS_MAX)
        assert self.text().count(what) >= times, self.text()

    def wait_ready(self):
        self.wait_for("What runs:")

    def end(self, number=signal.SIGINT):
        """Its exit code."""
        self.process.send_signal(number)
        status = self.process.wait(END_SECONDS_MAX)
        self.reader.join(END_SECONDS_MAX)
        self.process.stdout.close()
        return status
