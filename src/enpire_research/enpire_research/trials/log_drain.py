"""What a policy prints: into a file, up to a bound, and nobody waits for it."""

import os
import select
import threading

LOG_BYTES = 1_000_000
_LAST_READS = 32


class LogDrain:
    """Copies what a policy prints into a file, and drops what goes beyond LOG_BYTES.

    A thread of its own, so that a policy that prints never waits for us. `close` ends it whether or
    not somebody still holds the other end. ``trouble``: why the file lacks something, or ''.
    """

    def __init__(self, fd, path):
        self._fd, self._path = fd, path
        self._log, self._kept = None, 0
        self.dropped, self.trouble = 0, ''
        self._write(b'')
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name='policy log', daemon=True)
        self._thread.start()

    def _run(self):
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        poller.register(self._stop_read, select.POLLIN)
        last_reads = None
        try:
            while last_reads != 0:
                events = dict(poller.poll())
                if last_reads is None and self._stop_read in events:
                    last_reads = _LAST_READS  # somebody who still prints doesn't keep us
                data = os.read(self._fd, 65536) if self._fd in events else b''
                if not data:
                    break  # closed by the policy, or nothing left and we are to stop
                last_reads = None if last_reads is None else last_reads - 1
                self._keep(data)
            if self.dropped:
                self._write(f'\n[{self.dropped} bytes more were printed and dropped: '
                            f'{LOG_BYTES} are kept]\n'.encode())
        finally:
            if self._log is not None:
                self._log.close()

    def _keep(self, data):
        room = LOG_BYTES - self._kept
        if room > 0:
            self._write(data[:room])
            self._kept += min(room, len(data))
        self.dropped += max(0, len(data) - room)

    def _write(self, data):
        """Write to the log; where that fails (a full disk) say why once and go on without one."""
        if self.trouble:
            return
        try:
            if self._log is None:
                self._log = open(self._path, 'wb', buffering=0)
            self._log.write(data)
        except OSError as error:
            self.trouble = f'{self._path}: what the policy prints cannot be kept: {error.strerror}'

    def close(self):
        """Take what is there, end the thread, close the file."""
        os.write(self._stop_write, b'x')
        self._thread.join()
        for fd in (self._fd, self._stop_read, self._stop_write):
            os.close(fd)
