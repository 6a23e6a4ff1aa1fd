# SPDX-License-Identifier: GPL-2.0
"""The two wires to a guest: a virtio port, and QEMU's monitor protocol (QMP).

Owns sockets and deadlines; nothing here knows what is said. QEMU connects to us, so there
is nothing to wait for but the connection. Called by guest.py.
"""
import json
import os
import re
import select
import socket
import time

# All that is awaited may take so many times as long: tests/vm/run, and tests/soak.
PATIENCE = int(os.environ.get('VHC_PATIENCE', '1'))
# Between two looks at whether the guest is still alive, while an answer is awaited.
TICK = 0.5


class Silence(Exception):
    """No answer before the deadline."""


def noop():
    pass


class Wire:
    """A listening unix socket, then QEMU's connection to it."""

    def __init__(self, path):
        self.path = path
        self.buffer = ''
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(1)

    def accept(self, seconds, alive):
        end = time.monotonic() + seconds
        while not select.select([self.socket], [], [], TICK)[0]:
            alive()
            if time.monotonic() > end:
                raise Silence(f'no connection to {self.path} in {seconds} s')
        listener = self.socket
        self.socket = listener.accept()[0]
        listener.close()

    def send(self, text):
        self.socket.sendall(text.encode())

    def read(self, seconds):
        """Add what comes within some time to the buffer; False at the end of the wire."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return True
        data = self.socket.recv(65536)
        self.buffer += data.decode(errors='replace').replace('\r', '')
        return bool(data)

    def expect(self, pattern, seconds, alive=noop):
        """Wait for a pattern; return its match and what came before it."""
        end = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.buffer)
            if match:
                before, self.buffer = self.buffer[:match.start()], self.buffer[match.end():]
                return match, before
            alive()
            if time.monotonic() > end:
                raise Silence(f'no answer in {seconds} s; so far: {self.buffer[-200:]!r}')
            if not self.read(TICK):
                alive()
                raise Silence('the wire was closed')

    def close(self):
        self.socket.close()


class Qmp(Wire):
    """QMP: a JSON object a line; events between answers are kept in self.events."""

    def __init__(self, path):
        super().__init__(path)
        self.events = []

    def greet(self, seconds, alive):
        self.accept(seconds, alive)
        self.expect(r'\{"QMP".*\n', seconds, alive)
        self.command('qmp_capabilities')

    def line(self, seconds):
        match, _ = self.expect(r'(.*)\n', seconds)
        message = json.loads(match[1])
        if 'event' in message:
            self.events.append(message)
        return message

    def command(self, name, /, seconds=20 * PATIENCE, **arguments):
        self.send(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        while True:
            message = self.line(seconds)
            if 'error' in message:
                raise RuntimeError(f'QMP {name}: {message["error"]}')
            if 'return' in message:
                return message['return']

    def wait(self, name, seconds, alive=noop, **data):
        """Wait for an event, unless it came since it was last waited for."""
        end = time.monotonic() + seconds
        while True:
            for event in self.poll():
                if event['event'] == name and data.items() <= event.get('data', {}).items():
                    self.events.remove(event)
                    return event
            alive()
            if time.monotonic() > end:
                raise Silence(f'no {name} in {seconds} s; events: {self.events}')
            self.read(TICK)

    def poll(self):
        """Take the events that are there, without waiting."""
        self.read(0)
        while '\n' in self.buffer:
            self.line(0)
        return self.events
