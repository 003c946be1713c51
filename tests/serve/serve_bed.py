# SPDX-License-Identifier: Apache-2.0
# What the tests of `weir serve` share: a server of their own, requests as bytes or as JSON, TAP.
# Nothing but Python's standard library.
import atexit
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

TIMEOUT_S = 60  # ends what hangs: it measures nothing

# Who runs the tests by nohup has servers, too, that take no SIGHUP; these ask for it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# What weir has to say of this machine is not what these tests look at.
LINES = ('--log-level', 'error')


class Server:
    """A running `weir serve` on a port that is free."""

    def __init__(self, weir, *options, lines=LINES):
        self.process = subprocess.Popen([weir, 'serve', '--listen', '127.0.0.1:0', *options, *lines],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # of a case that failed; nothing if it ended
        line = self.process.stdout.readline()
        match = re.match(r'listening on http://127\.0\.0\.1:(\d+)', line)
        if not match:
            raise AssertionError(f'said {line!r}, {self.process.stderr.read()!r}')
        self.port = int(match[1])
        self.token = None
        if '--no-token' not in options and '--token-file' not in options:
            self.token = self.process.stdout.readline().removeprefix('token: ').strip()

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), TIMEOUT_S)

    def raw(self, data):
        """Bytes out, all bytes back until the end of the connection."""
        with self.connect() as s:
            s.sendall(data)
            return read_all(s)

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, body): the body read as JSON where it says that it is."""
        all_headers = {'Host': f'127.0.0.1:{self.port}', 'Connection': 'close'}
        if self.token is not None:
            all_headers['Authorization'] = 'Bearer ' + self.token
        data = b''
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            all_headers['Content-Type'] = 'application/vnd.schemaregistry.v1+json'
            all_headers['Content-Length'] = str(len(data))
        all_headers.update(headers or {})
        head = f'{method} {path} HTTP/1.1\r\n' + ''.join(
            f'{k}: {v}\r\n' for k, v in all_headers.items() if v is not None)
        return parse(self.raw(head.encode('latin-1') + b'\r\n' + data))

    def stop(self, number=signal.SIGTERM):
        """Its exit code, and what it said on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, errors

    def memory_kib(self):
        with open(f'/proc/{self.process.pid}/status') as f:
            return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])


def read_all(s):
    data = b''
    try:
        while chunk := s.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def whole(chunks):
    """The body that comes in chunks; one that is cut short is no answer."""
    body = b''
    while True:
        size, end, rest = chunks.partition(b'\r\n')
        bytes_in = int(size, 16) if end else -1
        if bytes_in < 0 or rest[bytes_in:bytes_in + 2] != b'\r\n':
            raise AssertionError(f'a chunk is cut short, behind {len(body)} bytes')
        if bytes_in == 0:
            return body
        body += rest[:bytes_in]
        chunks = rest[bytes_in + 2:]


def parse(data):
    head, _, body = data.partition(b'\r\n\r\n')
    lines = head.decode('latin-1').split('\r\n')
    if not lines[0].startswith('HTTP/1.'):
        return 0, {}, data
    headers = {k.lower(): v for k, v in (line.split(': ', 1) for line in lines[1:])}
    if headers.get('transfer-encoding') == 'chunked' and body:
        body = whole(body)
    if 'json' in headers.get('content-type', ''):
        body = json.loads(body) if body else None
    return int(lines[0].split()[1]), headers, body


def ask_socket(path, target):
    """(status, headers, body) of a GET by a socket file; status 0: nobody listens there yet."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(TIMEOUT_S)
        try:
            s.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return 0, {}, b''
        s.sendall(f'GET {target} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n'.encode())
        return parse(read_all(s))


class Tap:
    """One line for each function that is a case, by its docstring."""

    def __init__(self):
        self.count = self.failed = 0

    def run(self, case, *arguments):
        self.count += 1
        try:
            case(*arguments)
            print(f'ok {self.count} - {case.__doc__}', flush=True)
        except Exception as e:  # whatever it was, the others go on
            self.failed += 1
            print(f'not ok {self.count} - {case.__doc__}', flush=True)
            print('# ' + '\n# '.join(f'{type(e).__name__}: {e}'.split('\n')), flush=True)

    def end(self):
        print(f'1..{self.count}')
        sys.exit(1 if self.failed else 0)


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='weir-serve-')
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f'got {got!r}, wanted {wanted!r}')
